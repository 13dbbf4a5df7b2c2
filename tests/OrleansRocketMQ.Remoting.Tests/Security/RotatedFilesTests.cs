using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Security;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Security;

public sealed class RotatedFilesTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly TestLog _log = new();

    private string Keys => Path.Combine(_folder.Path, "keys.yml");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("accessKey: a\nsecretKey: s", "a", "s", null)]
    [InlineData("# an account\r\nsecretKey:  \"s: t\"  \r\naccessKey: 'a'\r\nsecurityToken: t\r\n", "a", "s: t", "t")]
    [InlineData("accessKey: a\nsecretKey: s\nsecurityToken:\n", "a", "s", null)]
    public void An_account_is_read_in_the_form_of_RocketMQs_own_tools(string text, string accessKey, string secretKey, string? token)
    {
        File.WriteAllText(Keys, text);

        var credentials = CredentialsFile.Read(Keys);

        Assert.Equal((accessKey, secretKey, token), (credentials.AccessKey, credentials.SecretKey, credentials.SecurityToken));
    }

    [Theory]
    [InlineData("accessKey: a")]
    [InlineData("accessKey: a\nsecretKey:")]
    [InlineData("the-secret")]
    public void A_file_without_both_keys_is_refused_and_what_is_in_it_is_not_shown(string text)
    {
        File.WriteAllText(Keys, text);

        var error = Assert.Throws<RocketMQConfigurationException>(() => CredentialsFile.Read(Keys));

        Assert.Equal(("CredentialsFile", Keys), (error.Field, error.Value));
        Assert.DoesNotContain("the-secret", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_new_is_taken_when_it_has_stood_from_one_look_to_the_next()
    {
        var files = Rotated("a");

        Write("b");
        Assert.False(files.Look());
        Assert.True(files.IsUnsettled);
        Assert.Equal("a", files.Current.AccessKey);
        Assert.True(files.Look());
        Assert.Equal("b", files.Current.AccessKey);
        Assert.False(files.IsUnsettled);
        Assert.False(files.Look());
    }

    [Fact]
    public void What_is_still_being_written_is_not_taken()
    {
        var files = Rotated("a");
        foreach (var end in new[] { "accessKey: bc\nsecretKey: s", "accessKey: bc\nsecretKey: se", "accessKey: bc\nsecretKey: secret" })
        {
            File.WriteAllText(Keys, end);
            Assert.False(files.Look());
        }

        Assert.True(files.Look());
        Assert.Equal("secret", files.Current.SecretKey);
        Assert.DoesNotContain(_log.Entries, entry => entry.Level > LogLevel.Information);
    }

    [Fact]
    public void What_is_broken_leaves_what_was_before_is_told_once_and_forgotten_when_it_is_good_again()
    {
        var files = Rotated("a");
        File.WriteAllText(Keys, "accessKey: b");
        for (var look = 0; look < 5; look++)
        {
            Assert.False(files.Look());
        }

        Assert.Equal(("a", false), (files.Current.AccessKey, files.IsUnsettled));
        Assert.Equal(1, _log.Count(LogLevel.Error));
        Assert.Contains("cannot be used, those from before stay", files.Trouble, StringComparison.Ordinal);

        Write("a");
        files.Look();
        Assert.Null(files.Trouble);
        Write("c");
        files.Look();
        Assert.True(files.Look());
        Assert.Equal("c", files.Current.AccessKey);
    }

    [Fact]
    public void Whatever_goes_wrong_with_new_files_leaves_what_was_before()
    {
        Write("a");
        var breaks = false;
        var files = new RotatedFiles<AclCredentials>(
            "Access keys", [Keys], () => breaks ? throw new InvalidOperationException("odd") : CredentialsFile.Read(Keys), _log);
        breaks = true;
        Write("b");
        files.Look();

        Assert.False(files.Look());

        Assert.Equal("a", files.Current.AccessKey);
        Assert.Contains("odd", files.Trouble, StringComparison.Ordinal);
        Assert.False(files.IsUnsettled);
    }

    [Fact]
    public void A_file_that_is_away_leaves_what_was_before()
    {
        var files = Rotated("a");
        File.Delete(Keys);
        files.Look();
        Assert.False(files.Look());
        Assert.NotNull(files.Trouble);

        Write("b");
        files.Look();
        Assert.True(files.Look());
        Assert.Null(files.Trouble);
    }

    private RotatedFiles<AclCredentials> Rotated(string accessKey)
    {
        Write(accessKey);
        return new("Access keys", [Keys], () => CredentialsFile.Read(Keys), _log);
    }

    private void Write(string accessKey) => File.WriteAllText(Keys, $"accessKey: {accessKey}\nsecretKey: secret");
}
