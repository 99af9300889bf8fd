using System.Security.Cryptography;

namespace Gantry.Engine.Containers;

/// <summary>Makes up names for containers: an adjective and a bird.</summary>
internal static class NameMaker
{
    private static readonly string[] s_adjectives =
    [
        "able", "amber", "brave", "bright", "brisk", "calm", "clever", "cosy", "crisp", "daring", "eager", "early", "fair", "fleet",
        "gentle", "glad", "golden", "grand", "happy", "hardy", "honest", "humble", "jolly", "keen", "kind", "lively", "lucid", "lucky",
        "merry", "mild", "modest", "neat", "nimble", "noble", "patient", "plucky", "polite", "proud", "quick", "quiet", "ready",
        "serene", "sharp", "silent", "smart", "solid", "steady", "sunny", "swift", "tidy", "vivid", "warm", "wise", "witty",
    ];

    private static readonly string[] s_birds =
    [
        "albatross", "avocet", "bittern", "blackbird", "bunting", "buzzard", "chaffinch", "condor", "cormorant", "crane", "crow",
        "cuckoo", "curlew", "dipper", "dotterel", "dunlin", "eagle", "egret", "eider", "falcon", "finch", "flamingo", "gannet",
        "goshawk", "grebe", "gull", "harrier", "heron", "hoopoe", "ibis", "jackdaw", "jay", "kestrel", "kingfisher", "kite", "lapwing",
        "lark", "linnet", "magpie", "martin", "merlin", "nightjar", "nuthatch", "oriole", "osprey", "ouzel", "owl", "pelican",
        "petrel", "pipit", "plover", "puffin", "quail", "raven", "redstart", "robin", "rook", "sandpiper", "shrike", "siskin", "skua",
        "snipe", "sparrow", "starling", "stork", "swallow", "swan", "swift", "tern", "thrush", "wagtail", "warbler", "wren",
    ];

    internal static string Next(Func<string, bool> isFree)
    {
        while (true)
        {
            string name = $"{Pick(s_adjectives)}_{Pick(s_birds)}";
            if (isFree(name))
            {
                return name;
            }

            name += RandomNumberGenerator.GetInt32(1000);
            if (isFree(name))
            {
                return name;
            }
        }
    }

    private static string Pick(string[] words) => words[RandomNumberGenerator.GetInt32(words.Length)];
}
