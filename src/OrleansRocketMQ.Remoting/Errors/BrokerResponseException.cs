using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ;

/// <summary>A broker or name server answered a request with an error code.</summary>
public sealed class BrokerResponseException : RocketMQException
{
    /// <summary>Creates the error from the parts of the answer.</summary>
    public BrokerResponseException(int requestCode, int responseCode, string? remark, string address)
        : base(
            RocketMQErrorCode.BrokerResponse,
            $"{address} answered request {RequestCodes.NameOf(requestCode)} with code {ResponseCodes.NameOf(responseCode)}: "
                + (string.IsNullOrEmpty(remark) ? "(no remark)" : remark))
    {
        RequestCode = requestCode;
        ResponseCode = responseCode;
        Remark = remark;
        Address = address;
    }

    /// <summary>The code of the request that was refused.</summary>
    public int RequestCode { get; }

    /// <summary>The code of the answer, one of <see cref="ResponseCodes"/>.</summary>
    public int ResponseCode { get; }

    /// <summary>The text the server gave, if any.</summary>
    public string? Remark { get; }

    /// <summary>The server that answered.</summary>
    public string Address { get; }
}
