using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Gantry.Grpc;

/// <summary>Reads a call's status: from the trailers, or from the headers of an answer that has nothing else.</summary>
internal static class GrpcStatus
{
    /// <summary>Throws unless the answer begins as one of gRPC does.</summary>
    public static void CheckHead(HttpResponseMessage response)
    {
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new GrpcException(
                OfHttp(response.StatusCode),
                string.Create(CultureInfo.InvariantCulture, $"the server answered HTTP {(int)response.StatusCode}: is it a gRPC server?"));
        }

        // An answer without messages has its status in the headers.
        if (response.Headers.Contains("grpc-status"))
        {
            Check(response.Headers);
        }
    }

    /// <summary>Throws unless the trailers say OK.</summary>
    public static void CheckEnd(HttpResponseMessage response) =>
        Check(response.TrailingHeaders.Contains("grpc-status") ? response.TrailingHeaders : response.Headers);

    private static void Check(HttpHeaders headers)
    {
        if (!headers.TryGetValues("grpc-status", out var values)
            || !int.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var code))
        {
            throw new GrpcException(GrpcStatusCode.Unavailable, "the answer ended without a status: the connection broke or the server was stopped");
        }

        if (code != 0)
        {
            var message = headers.TryGetValues("grpc-message", out var texts) ? Uri.UnescapeDataString(string.Join(',', texts)) : $"status {code}";
            throw new GrpcException(Enum.IsDefined((GrpcStatusCode)code) ? (GrpcStatusCode)code : GrpcStatusCode.Unknown, message);
        }
    }

    // grpc/doc/http-grpc-status-mapping.md
    private static GrpcStatusCode OfHttp(HttpStatusCode status) => status switch
    {
        HttpStatusCode.BadRequest => GrpcStatusCode.Internal,
        HttpStatusCode.Unauthorized => GrpcStatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => GrpcStatusCode.PermissionDenied,
        HttpStatusCode.NotFound => GrpcStatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout => GrpcStatusCode.Unavailable,
        _ => GrpcStatusCode.Unknown,
    };
}
