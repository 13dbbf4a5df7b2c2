namespace Users;

/// <summary>The steps of a user's life, in order.</summary>
internal enum UserStep
{
    None,
    Registered,
    Verified,
    Subscribed,
    Closed,
}

/// <summary>A user took a step.</summary>
internal sealed record UserEvent(UserStep Step);

/// <summary>What is known of a user. Kept in grain storage.</summary>
[GenerateSerializer]
internal sealed class UserState
{
    [Id(0)]
    public UserStep Step { get; set; }
}
