using Gantry.Build;
using Gantry.Engine;

namespace Gantry.Docker.Protocol;

/// <summary>What the door opens to.</summary>
internal sealed record DockerServices(ContainerEngine Engine, ImageBuilder Builder, DockerOptions Options);
