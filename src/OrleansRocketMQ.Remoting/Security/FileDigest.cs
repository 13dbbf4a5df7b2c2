using System.Security.Cryptography;

namespace OrleansRocketMQ.Security;

/// <summary>Tells whether files are as they were, without keeping what is in them.</summary>
internal static class FileDigest
{
    /// <summary>A digest of what the files hold now; one that is not there, or cannot be read, is part of it, too.</summary>
    public static string Of(IReadOnlyList<string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files)
        {
            // By content alone: where a folder's symbolic link is turned, time stamps may well be older than before.
            var content = ReadOrNull(file);
            hash.AppendData(BitConverter.GetBytes(content?.Length ?? -1));
            hash.AppendData(content ?? []);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static byte[]? ReadOrNull(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
