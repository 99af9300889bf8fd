using System.Net;

namespace Gantry.Network.Names;

/// <summary>Answers for containers by name and by address.</summary>
internal sealed class ContainerNames(INameSource names) : IDnsResponder
{
    public byte[]? Answer(IPAddress asking, DnsQuestion question)
    {
        if (question.Type is DnsQuestion.TypeA or DnsQuestion.TypeAaaa && names.Resolve(asking, question.Name) is { } addresses)
        {
            return question.Answer(question.Type == DnsQuestion.TypeA ? addresses : []);
        }

        return question.ReverseAddress() is { } reverse && names.ResolveAddress(asking, reverse) is { } name
            ? question.AnswerName(name)
            : null;
    }
}
