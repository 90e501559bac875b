"""The command line: a thin typer app over run.py and compare."""

import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from distilabel_rag4rag.cli.publish_command import publish
from distilabel_rag4rag.cli.report_command import as_options, parse_columns, report
from distilabel_rag4rag.cli.review_commands import review

app = typer.Typer(
    help="Grounded fine-tuning data for retrievers, compared fairly with zero-shot data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its tables cut words off in a narrow terminal
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main() -> None:
    """Grounded fine-tuning data for retrievers, compared fairly with zero-shot data."""
    from distilabel_rag4rag.cli.console import quiet

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no dash gets a "?"
            stream.reconfigure(errors="replace")
    # Before the first import of the libraries beneath, which read these settings only then.
    quiet()


def _config(context: typer.Context, path: Path | None) -> Path | None:
    """Settings of a YAML file become the defaults of the options; options given win."""
    if path is None:
        return None
    import yaml

    try:
        settings = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise typer.BadParameter(f"cannot read '{path}': {error}") from error
    if not isinstance(settings, dict):
        raise typer.BadParameter(f"'{path}' holds {type(settings).__name__}, expected KEY: VALUE")
    known = {parameter.name for parameter in context.command.params} - {"config"}
    settings = {str(key).replace("-", "_"): value for key, value in settings.items()}
    if "input" in settings:  # as the help calls it
        settings["source"] = settings.pop("input")
    if unknown := sorted(settings.keys() - known):
        raise typer.BadParameter(f"'{path}': found {unknown}, expected some of {sorted(known)}")  # type: ignore[type-var]
    for name, value in settings.items():
        # llm_set: {temperature: 0.2} is what --llm-set temperature=0.2 says
        if isinstance(value, dict):
            bare = name == "column"  # a name, not a YAML value
            settings[name] = [f"{k}={v if bare else _flow(v)}" for k, v in value.items()]
        elif name == "arms" and isinstance(value, list):
            settings[name] = ",".join(map(str, value))
    context.default_map = {**(context.default_map or {}), **settings}
    return path


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    import json

    return json.dumps(value, ensure_ascii=False)


Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Take a sample of so many questions (see --seed).")
]
Arms = Annotated[
    str, typer.Option(help="Which arms: zero_shot, gold_context, rag4rag; comma-separated.")
]
K = Annotated[
    int, typer.Option("--k", "-k", min=1, help="Passages per question (rag4rag); 1 as published.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the sample and of the intervals.")]
Llm = Annotated[
    str,
    typer.Option(
        help="The LLM: embedded, or CLASS:MODEL of distilabel, e.g. OpenAILLM:gpt-4o-mini."
        " Keys come from the environment (OPENAI_API_KEY).",
    ),
]
LlmSet = Annotated[
    list[str] | None,
    typer.Option(
        "--llm-set",
        metavar="KEY=VALUE",
        help="A field of the LLM, e.g. generation_kwargs.temperature=0.2; may be repeated.",
    ),
]
Embedder = Annotated[
    str,
    typer.Option(
        "--embeddings",
        help="The embedder: embedded, or CLASS:MODEL,"
        " e.g. SentenceTransformerEmbeddings:BAAI/bge-small-en-v1.5.",
    ),
]
EmbedderSet = Annotated[
    list[str] | None,
    typer.Option("--embeddings-set", metavar="KEY=VALUE", help="A field of the embedder."),
]
Judge = Annotated[
    str, typer.Option(help="The judge: embedded, or a LettuceDetect model's folder or Hub id.")
]
JudgeSet = Annotated[
    list[str] | None,
    typer.Option("--judge-set", metavar="KEY=VALUE", help="A field of LettuceDetectJudge."),
]
Threshold = Annotated[
    float,
    typer.Option(min=0.01, max=1, help="Score from which an answer is flagged."),
]
Style = Annotated[str, typer.Option(help="Grounded answers: short or sentence.")]
Abstain = Annotated[
    bool, typer.Option("--abstain/--no-abstain", help="Whether the LLM may decline to answer.")
]
BatchSize = Annotated[int, typer.Option(min=1, help="Questions per batch.")]
Cache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Keep and reuse the LLM's answers on disk.")
]
MaxFailed = Annotated[
    float, typer.Option(min=0, max=1, help="Share of an arm's generations that may fail.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite results in --out.")]
Config = Annotated[
    Path | None,
    typer.Option(
        callback=_config,
        is_eager=True,
        help="YAML file with any of these options, e.g. `llm: OpenAILLM:gpt-4o-mini`.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the pipelines' own log.")]

ALL_ARMS = "zero_shot,gold_context,rag4rag"


@app.command()
def compare(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT]",
            help="SQuAD JSON, JSONL, CSV, parquet, a folder saved by datasets, or a Hub id;"
            " nothing: the sample world.",
        ),
    ] = None,
    out: Out = Path("out/compare"),
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column", metavar="OURS=THEIRS", help="A column's name, e.g. question=anchor."
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Split of a Hub data set.")] = None,
    corpus: Annotated[
        str | None,
        typer.Option(help="Retrieve from these passages; nothing: the questions' own passages."),
    ] = None,
    limit: Limit = None,
    arms: Arms = ALL_ARMS,
    k: K = 1,
    seed: Seed = 0,
    llm: Llm = "embedded",
    llm_set: LlmSet = None,
    embeddings: Embedder = "embedded",
    embeddings_set: EmbedderSet = None,
    judge: Judge = "embedded",
    judge_set: JudgeSet = None,
    threshold: Threshold = 0.5,
    style: Style = "short",
    abstain: Abstain = True,
    batch_size: BatchSize = 32,
    cache: Cache = True,
    max_failed: MaxFailed = 0.05,
    force: Force = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Answer the same questions with and without retrieval, judge the answers, compare.

    Writes rows.parquet (one row per question and arm; the human answers, judged too, are the arm
    `human`), summary.json, run.json, report.html, report.md, plots and the pipelines into --out.
    """
    from distilabel_rag4rag.experiment.experiment import Settings

    _run(
        Settings(
            source=source,
            columns=parse_columns(column) or None,
            split=split,
            corpus=corpus,
            limit=limit,
            arms=[arm.strip() for arm in arms.split(",") if arm.strip()],
            k=k,
            seed=seed,
            llm=llm,
            llm_set=llm_set or [],
            embeddings=embeddings,
            embeddings_set=embeddings_set or [],
            judge=judge,
            judge_set=judge_set or [],
            threshold=threshold,
            style=style,
            abstain=abstain,
            batch_size=batch_size,
            cache=cache,
            max_failed=max_failed,
        ),
        out,
        force,
        verbose,
    )


@app.command()
def demo(
    out: Out = Path("out/demo"),
    limit: Limit = None,
    arms: Arms = ALL_ARMS,
    seed: Seed = 0,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Compare on the sample world, with models that install with pip: no Hub, key or GPU."""
    from distilabel_rag4rag.experiment.experiment import Settings

    names = [arm.strip() for arm in arms.split(",") if arm.strip()]
    _run(Settings(limit=limit, arms=names, seed=seed), out, force, verbose)


app.command()(report)
app.add_typer(review, name="review")
app.command()(publish)


def _run(settings: Any, out: Path, force: bool, verbose: bool) -> None:
    """Runs an experiment; exit code 2 for what is wrong before it starts, 1 for what fails."""
    from distilabel.errors import DistilabelUserError

    from distilabel_rag4rag.cli.console import ArmProgress, print_result, speak
    from distilabel_rag4rag.experiment.experiment import Experiment
    from distilabel_rag4rag.runtime.signals import Terminated

    errors = Console(stderr=True)
    if verbose:
        speak()
    try:
        experiment = Experiment(settings, out, force=force)
    except (ValueError, DistilabelUserError, ImportError) as error:
        errors.print(f"Error: {as_options(error)}", style="red", markup=False, highlight=False)
        raise typer.Exit(2) from error
    try:
        with ArmProgress(len(experiment.questions)) as progress:
            result = experiment.run(progress)
    except KeyboardInterrupt as interrupt:
        errors.print(
            "Interrupted. Answers that had come are kept (the packaged LLM's by batches): run the "
            "same again."
        )
        raise typer.Exit(143 if isinstance(interrupt, Terminated) else 130) from interrupt
    except Exception as error:
        errors.print(f"Error: {_chain(error)}", style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error
    print_result(result, Console())


def _chain(error: BaseException) -> str:
    """The error and its causes, one a line."""
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None and len(lines) < 5:
        if not any(str(current) in line for line in lines):  # a message often holds its cause's
            lines.append(f"{type(current).__name__}: {current}")
        current = current.__cause__
    return "\n  caused by ".join(lines)
