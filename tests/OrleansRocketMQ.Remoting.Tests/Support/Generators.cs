using System.Net;
using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests.Support;

internal static class Generators
{
    public static Gen<string> Text { get; } =
        from parts in Gen.Elements("a", "Z", "0", " ", "\"", "\\", "/", "\n", "\t", "{", "}", ":", ",", "é", "消息", "😀", "\u007f", "'", "<", "&", "%RETRY%").ListOf()
        select string.Concat(parts);

    public static Gen<string> Name { get; } =
        from characters in Gen.Elements("abcdefXYZ0189_-%|".ToCharArray()).NonEmptyListOf()
        select string.Concat(characters);

    public static Gen<byte[]> Bytes { get; } = Gen.Choose(0, 255).Select(number => (byte)number).ArrayOf();

    public static Gen<int> Int32 { get; } = Gen.OneOf(Gen.Choose(-10, 10), Gen.Choose(int.MinValue, int.MaxValue), Gen.Elements(int.MinValue, int.MaxValue, 0));

    public static Gen<long> Int64 { get; } = from high in Int32 from low in Int32 select ((long)high << 32) ^ low;

    public static Gen<IReadOnlyDictionary<string, string>> Fields { get; } =
        from pairs in (from name in Gen.OneOf(Name, Gen.Elements("topic", "queueId", "minOffset")) from value in Text select KeyValuePair.Create(name, value)).ListOf()
        select (IReadOnlyDictionary<string, string>)pairs.GroupBy(pair => pair.Key).ToDictionary(pair => pair.Key, pair => pair.First().Value);

    public static Gen<IReadOnlyDictionary<string, string>> Properties { get; } =
        from fields in Fields
        select (IReadOnlyDictionary<string, string>)fields.Where(field => field.Value.Length > 0).ToDictionary(field => field.Key, field => field.Value);

    public static Gen<IPEndPoint> Host { get; } =
        from v6 in Gen.Elements(false, true)
        from bytes in Gen.Choose(1, 255).Select(number => (byte)number).ArrayOf(v6 ? 16 : 4)
        from port in Gen.Choose(0, 65535)
        select new IPEndPoint(new IPAddress(bytes), port);

    public static Gen<RemotingCommand> Command { get; } =
        from binary in Gen.Elements(false, true)
        from code in binary ? Gen.Choose(short.MinValue, short.MaxValue) : Int32
        from version in Gen.Choose(0, short.MaxValue)
        from opaque in Int32
        from flag in Gen.Choose(0, 3)
        from language in Gen.Choose(0, 13)
        from remark in Text
        from fields in Fields
        from body in Bytes
        select CommandOf(binary, code, version, opaque, flag, (LanguageCode)language, remark, fields, body);

    public static Gen<StoredMessage> Stored { get; } =
        from topic in Gen.OneOf(Name, Name.Select(name => string.Concat(Enumerable.Repeat(name, 140))[..140]))
        from body in Bytes
        from properties in Properties
        from queueId in Gen.Choose(0, int.MaxValue)
        from queueOffset in Int64
        from commitLogOffset in Int64
        from flag in Int32
        from bornTimestamp in Int64
        from bornHost in Host
        from storeTimestamp in Int64
        from storeHost in Host
        from reconsumeTimes in Gen.Choose(0, 100)
        from prepared in Int64
        from transaction in Gen.Choose(0, 3)
        select new StoredMessage
        {
            Topic = topic,
            Body = body,
            Properties = MessageProperties.Encode(properties.Where(property => property.Key.Length + property.Value.Length >= 2)),
            QueueId = queueId,
            QueueOffset = queueOffset,
            CommitLogOffset = commitLogOffset,
            Flag = flag,
            SysFlag = transaction << 2,
            BornTimestamp = bornTimestamp,
            BornHost = bornHost,
            StoreTimestamp = storeTimestamp,
            StoreHost = storeHost,
            ReconsumeTimes = reconsumeTimes,
            PreparedTransactionOffset = prepared,
        };

    public static void ForAll<T>(Gen<T> generator, Func<T, bool> holds) => Check.QuickThrowOnFailure(Prop.ForAll(Arb.From(generator), holds));

    private static RemotingCommand CommandOf(
        bool binary, int code, int version, int opaque, int flag, LanguageCode language, string remark, IReadOnlyDictionary<string, string> fields, byte[] body)
    {
        var command = new RemotingCommand
        {
            Code = code,
            Version = version,
            Opaque = opaque,
            Flag = flag,
            Language = language,
            Remark = remark.Length == 0 ? null : remark,
            SerializeType = binary ? SerializeType.RocketMQ : SerializeType.Json,
            Body = body,
        };
        foreach (var (name, value) in fields)
        {
            command.Set(name, value);
        }

        return command;
    }
}
