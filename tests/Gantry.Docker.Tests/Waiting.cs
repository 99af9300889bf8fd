namespace Gantry.Docker.Tests;

/// <summary>Waits for conditions.</summary>
internal static class Waiting
{
    /// <summary>Waits until a condition holds, at most 20 seconds.</summary>
    internal static async Task EventuallyAsync(this DockerFixture fixture, Func<bool> condition)
    {
        _ = fixture;
        DateTime end = DateTime.UtcNow.AddSeconds(20);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, "the condition did not come true in 20 seconds");
            await Task.Delay(20);
        }
    }
}
