using System.Net;

namespace Gantry.Network.Names;

/// <summary>Answers the questions that a <see cref="NameServer"/> does not pass on.</summary>
public interface IDnsResponder
{
    /// <summary>The whole reply, made with the question's own methods; null to ask the host's resolvers.</summary>
    byte[]? Answer(IPAddress asking, DnsQuestion question);
}
