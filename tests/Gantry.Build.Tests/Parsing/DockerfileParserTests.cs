using Gantry.Build.Parsing;
using Gantry.Build.Planning;
using Gantry.Faults;

namespace Gantry.Build.Tests.Parsing;

public sealed class DockerfileParserTests
{
    [Fact]
    public void Parse_OfContinuationsAndComments_JoinsThem()
    {
        var file = DockerfileParser.Parse("# comment\n\nFROM x\nRUN a \\\n  # inside\n\n  b \\   \n  c\nCMD [\"a\", \"b\"]\r\n");
        Assert.Equal(["FROM", "RUN", "CMD"], file.Instructions.Select(instruction => instruction.Keyword));
        Assert.Equal("a   b   c", file.Instructions[1].Rest);
        Assert.Equal([3, 4, 9], file.Instructions.Select(instruction => instruction.Line));
        Assert.Equal(["a", "b"], file.Instructions[2].Json);
    }

    [Fact]
    public void Parse_OfEscapeDirective_ChangesTheEscapeCharacter()
    {
        var file = DockerfileParser.Parse("# escape=`\nFROM x\nRUN dir C:\\ `\n  more\n");
        Assert.Equal('`', file.Escape);
        Assert.Equal("dir C:\\   more", file.Instructions[1].Rest);
    }

    [Fact]
    public void Parse_OfFlagsAndHeredocs_KeepsThem()
    {
        var file = DockerfileParser.Parse("FROM x\nRUN --mount=type=cache,target=/a --network=none <<-EOF cat\n\tone\n\tEOF\nCOPY --from=b <<\"A\" <<B /d\n$a\nA\n$b\nB\n");
        Assert.Equal("none", file.Instructions[1].Flag("network"));
        Assert.Equal("one\n", file.Instructions[1].Heredocs[0].Content);
        Assert.Equal([false, true], file.Instructions[2].Heredocs.Select(heredoc => heredoc.Expand));
    }

    [Theory]
    [InlineData("FROM x\n\nFOO bar\n", "dockerfile parse error on line 3: unknown instruction: FOO")]
    [InlineData("FROM x\nRUN\n", "dockerfile parse error on line 2: RUN requires at least one argument")]
    [InlineData("FROM x\nCOPY a\n", "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined")]
    [InlineData("FROM a b\n", "dockerfile parse error on line 1: FROM requires either one or three arguments")]
    [InlineData("RUN x\n", "dockerfile parse error on line 1: no build stage in current context")]
    [InlineData("FROM x\nCOPY --what=1 a b\n", "dockerfile parse error on line 2: unknown flag: --what (COPY has --from, --chown, --chmod, --link)")]
    [InlineData("FROM x\nENV a\n", "dockerfile parse error on line 2: ENV must have two arguments")]
    [InlineData("FROM x\nENV a=b c\n", "dockerfile parse error on line 2: Syntax error - can't find = in \"c\". Must be of the form: name=value")]
    [InlineData("FROM x\nSHELL sh\n", "dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form")]
    [InlineData("FROM x\nHEALTHCHECK WHAT\n", "dockerfile parse error on line 2: Unknown type \"WHAT\" in HEALTHCHECK (try CMD)")]
    [InlineData("FROM x\nONBUILD FROM y\n", "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger")]
    [InlineData("FROM x\nRUN <<EOF\nabc\n", "dockerfile parse error on line 2: unterminated heredoc: no line is \"EOF\"")]
    [InlineData("FROM x\nCOPY --from=1 a b\n", "dockerfile parse error on line 2: invalid from flag value 1: no earlier stage of that name or number")]
    [InlineData("# nothing\n", "file with no instructions")]
    [InlineData("ARG A=1\n", "no build stage in current context: the Dockerfile has no FROM")]
    public void Dockerfile_ThatIsWrong_NamesTheLine(string text, string message)
    {
        var fault = Assert.Throws<FaultException>(() => BuildPlan.Create(
            DockerfileParser.Parse(text), "", new Dictionary<string, string?>(), new Dictionary<string, string>()));
        Assert.Equal((FaultKind.InvalidArgument, message), (fault.Kind, fault.Message));
    }

    [Fact]
    public void Parse_OfRandomText_OnlyThrowsFaults()
    {
        var random = new Random(99);
        string[] pieces = ["FROM x\n", "RUN ", "COPY ", "<<EOF", "EOF\n", "\\\n", "\n", "#", " ", "[\"a\"", "]", "--from=", "${a:-b", "}", "'", "\"", "ENV a=", "ONBUILD ", "LABEL ", "$", "ARG A", "\t", "escape=`\n"];
        for (var i = 0; i < 20_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => pieces[random.Next(pieces.Length)]));
            try
            {
                BuildPlan.Create(DockerfileParser.Parse(text), "", new Dictionary<string, string?>(), new Dictionary<string, string>());
            }
            catch (FaultException)
            {
                // The declared outcome for malformed input.
            }
        }
    }

    [Fact]
    public void Plan_KeepsOnlyNeededStages()
    {
        const string text = "FROM a AS one\nFROM b AS two\nFROM one AS three\nFROM c\nCOPY --from=three x y\nRUN --mount=from=two,target=/m true\n";
        var all = BuildPlan.Create(DockerfileParser.Parse(text), "", new Dictionary<string, string?>(), new Dictionary<string, string>());
        Assert.Equal([0, 1, 2, 3], all.Stages.Select(stage => stage.Index));
        var three = BuildPlan.Create(DockerfileParser.Parse(text), "three", new Dictionary<string, string?>(), new Dictionary<string, string>());
        Assert.Equal([0, 2], three.Stages.Select(stage => stage.Index));
    }
}
