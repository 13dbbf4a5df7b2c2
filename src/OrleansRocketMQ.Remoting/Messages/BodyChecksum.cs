namespace OrleansRocketMQ;

/// <summary>
/// CRC-32 (IEEE 802.3) of a stored body without its highest bit, as RocketMQ keeps it. Eight bytes a step.
/// </summary>
internal static class BodyChecksum
{
    private const uint Polynomial = 0xEDB88320;
    private static readonly uint[][] Tables = CreateTables();

    public static int Compute(ReadOnlySpan<byte> body)
    {
        var tables = Tables;
        var crc = uint.MaxValue;
        while (body.Length >= 8)
        {
            var low = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(body) ^ crc;
            var high = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(body[4..]);
            crc = tables[7][(byte)low] ^ tables[6][(byte)(low >> 8)] ^ tables[5][(byte)(low >> 16)] ^ tables[4][low >> 24]
                ^ tables[3][(byte)high] ^ tables[2][(byte)(high >> 8)] ^ tables[1][(byte)(high >> 16)] ^ tables[0][high >> 24];
            body = body[8..];
        }

        foreach (var value in body)
        {
            crc = tables[0][(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return (int)(~crc & int.MaxValue);
    }

    private static uint[][] CreateTables()
    {
        var tables = new uint[8][];
        for (var table = 0; table < 8; table++)
        {
            tables[table] = new uint[256];
            for (uint index = 0; index < 256; index++)
            {
                var value = table == 0 ? index : tables[table - 1][index];
                for (var bit = 0; bit < 8; bit++)
                {
                    value = (value & 1) == 0 ? value >> 1 : (value >> 1) ^ Polynomial;
                }

                tables[table][index] = value;
            }
        }

        return tables;
    }
}
