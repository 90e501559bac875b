"""Does data that an LLM wrote help a retriever, beyond what any data does? On SQuAD and Cranfield.

    python benchmarks/retriever_study.py squad --documents squad-train-12-articles.json \
        --unseen squad-eval-12-articles.json --build out/build --out out/squad
    python benchmarks/retriever_study.py cranfield --folder cranfield \
        --questions out/questions.jsonl --out out/cranfield

SQuAD: passages of at most 64 tokens; the questions are those of `rag4rag build` on the passages
of the first file (made by `--make` where they are not there). Human questions of the same
articles are the test of own documents, those of the second file the test of new ones. The corpus
holds the chunks of both files.
Cranfield: 1,400 abstracts, asked about by QuestionGeneration alone (`--make` writes the file of
`--questions`, with `--question-types keyword` or others than questions; several files are put
together, such as those of three earlier calls); the test is its 225 queries with graded judgements,
so that all documents are own ones.

`--settings` are tried on held-out rows of the data (documents apart), and the best is taken: test
queries choose nothing. Results go to `--out` as `rag4rag train --study` writes them.
"""

import argparse
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from distilabel_rag4rag.cli.quiet import quiet
from distilabel_rag4rag.data.identity import normalised, passage_id
from distilabel_rag4rag.export import beir, export_training_data
from distilabel_rag4rag.report.write_evaluation_report import write_evaluation_report
from distilabel_rag4rag.training.finetune import finetune
from distilabel_rag4rag.training.placebos import TrainingSet, titles
from distilabel_rag4rag.training.settings import TrainingSettings
from distilabel_rag4rag.training.study import Study
from distilabel_rag4rag.training.train import Training

Row = dict[str, Any]
TOKENS = 64


@dataclass
class Problem:
    """Documents, questions about them, and a folder in BEIR's form to test on."""

    passages: list[Row]
    rows: list[Row]
    test: Path
    arms: list[TrainingSet]


# --- SQuAD ----------------------------------------------------------------------------------------


def squad(args: argparse.Namespace) -> Problem:
    """Chunks of both files, human questions with the chunk that holds the answer."""
    if args.make and not (args.build / "rows.parquet").is_file():
        make_squad(args)
    own, unseen = (chunks(path) for path in (args.documents, args.unseen))
    test = args.out / "test"
    if not test.exists():
        asked = [*questions(args.documents, own), *questions(args.unseen, unseen)]
        write_test(test, [*own, *unseen], asked)
    made = pq.read_table(args.build / "rows.parquet").to_pylist()
    checks = ["self_contained", "length", "duplicates"]
    grounded = [row for row in made if passed(row, ["grounding", *checks])]
    asked_rows = [row for row in made if passed(row, checks)]
    rows = asked_rows if args.unchecked else grounded
    return Problem(own, rows, test, [])


def passed(row: Row, checks: Iterable[str]) -> bool:
    return bool(row["question"]) and all(row[f"keep_row_after_{check}"] for check in checks)


def make_squad(args: argparse.Namespace) -> None:
    """`rag4rag build` with the packaged LLM: three questions to each passage."""
    from distilabel_rag4rag.cli.progress import progress
    from distilabel_rag4rag.experiment.build_dataset import Build
    from distilabel_rag4rag.experiment.build_settings import BuildSettings

    file = args.out / "documents.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"title": p["title"], "context": p["context"]} for p in paragraphs(args.documents)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    build = Build(BuildSettings(source=str(file), max_tokens=TOKENS), args.build)
    with progress(build.questions_at_most) as watcher:
        build.run(watcher)


def paragraphs(path: Path) -> list[Row]:
    articles = json.loads(path.read_text("utf-8"))["data"]
    return [{**p, "title": a["title"]} for a in articles for p in a["paragraphs"]]


def chunks(path: Path) -> list[Row]:
    """The passages that `rag4rag build` cuts the paragraphs into."""
    from distilabel_rag4rag.data.corpus import read_corpus
    from distilabel_rag4rag.models.packaged import embeddings_path
    from distilabel_rag4rag.models.tokenizers import load_tokenizer

    source = [{"title": p["title"], "context": p["context"]} for p in paragraphs(path)]
    return read_corpus(source, load_tokenizer(embeddings_path()), TOKENS).passages


def questions(path: Path, passages: list[Row]) -> list[tuple[str, str]]:
    """Each human question with the id of the chunk of its paragraph that holds the answer."""
    found = []
    for paragraph in paragraphs(path):
        own = [p for p in passages if normalised(p["context"]) in normalised(paragraph["context"])]
        for asked in paragraph["qas"]:
            start = asked["answers"][0]["answer_start"]
            end = start + len(asked["answers"][0]["text"])
            for passage in own:
                place = paragraph["context"].find(passage["context"])
                if place <= start and end <= place + len(passage["context"]):
                    found.append((asked["question"], passage["passage_id"]))
                    break
    return found


def write_test(folder: Path, passages: list[Row], asked: list[tuple[str, str]]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    corpus = [line(p) for p in {p["passage_id"]: p for p in passages}.values()]
    lines = [{"_id": f"q{n}", "text": question} for n, (question, _) in enumerate(asked)]
    pairs = [
        dict(zip(beir.QRELS_COLUMNS, (f"q{n}", beir.document_id(key), 1), strict=True))
        for n, (_, key) in enumerate(asked)
    ]
    beir.write_beir(folder, corpus, lines, {"test": pairs})


def line(passage: Row) -> Row:
    return {
        "_id": beir.document_id(passage["passage_id"]),
        "title": passage["title"] or "",
        "text": passage["context"],
        "metadata": {"document_id": passage["document_id"]},
    }


# --- Cranfield ------------------------------------------------------------------------------------


def cranfield(args: argparse.Namespace) -> Problem:
    """The abstracts, a question to each, and the queries of the collection."""
    for number, file in enumerate(args.questions):
        if args.make and not file.is_file():
            make_cranfield(args, file, seed=number)
    passages = [
        {
            "passage_id": passage_id(found["text"]),
            "document_id": found["_id"],
            "title": found["title"],
            "context": found["text"],
        }
        for found in beir.read_lines(args.folder / "corpus.jsonl")
        if found["text"].strip()
    ]
    texts = {normalised(p["context"]): p["context"] for p in passages}
    rows, seen = [], set()
    lines = [text for file in args.questions for text in file.read_text("utf-8").splitlines()]
    for row in map(json.loads, lines):
        key = normalised(row["question"]).casefold()
        if passed(row, ["self_contained", "length"]) and key not in seen:
            seen.add(key)
            rows.append({**row, "context": texts[normalised(row["context"])]})
    half = [(row["question"], row["context"]) for row in rows[::2]]
    other = {text for _, text in half}
    rest = [p for p in passages if p["context"] not in other]
    both = [*half, *titles(rest, len(rows) - len(half))]
    arms = [TrainingSet("questions_and_titles", "half questions, half titles", both, is_data=True)]
    return Problem(passages, rows, args.folder, arms if args.arms else [])


def make_cranfield(args: argparse.Namespace, file: Path, seed: int = 0) -> None:
    """Questions to each abstract, with the checks that need no answer."""
    from distilabel.steps import LoadDataFromDicts

    from distilabel_rag4rag import (
        FailFastPipeline,
        MarkQuestionLength,
        MarkSelfContained,
        QuestionGeneration,
    )
    from distilabel_rag4rag.data.corpus import read_corpus
    from distilabel_rag4rag.experiment.build_settings import BuildSettings
    from distilabel_rag4rag.experiment.few_shot import plain_question_settings
    from distilabel_rag4rag.experiment.models import Models
    from distilabel_rag4rag.models.packaged import embeddings_path
    from distilabel_rag4rag.models.tokenizers import load_tokenizer

    corpus = read_corpus(
        str(args.folder / "corpus.jsonl"),
        load_tokenizer(embeddings_path()),
        1_000,
        columns={"context": "text"},
    )
    rows = [passage for passage in corpus.passages if passage["keep_row_after_passage"]]
    with FailFastPipeline(name="ask") as pipeline:
        load = LoadDataFromDicts(name="load", data=rows, batch_size=32)
        ask = QuestionGeneration(
            llm=Models(BuildSettings()).llm(),
            num_questions=args.num_questions,
            question_types=args.question_types.split(","),
            seed=seed,
            **plain_question_settings(),
        )
        load >> ask >> MarkSelfContained() >> MarkQuestionLength(least_words=2)
    pipeline.max_failed = 0.2
    made = pipeline.run()["default"]["train"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, default=str) + "\n" for row in made))


# --- Both -----------------------------------------------------------------------------------------


def write_export(folder: Path, problem: Problem) -> None:
    """All rows as the training split; nothing is held out, since the test is elsewhere."""
    (folder / "pairs").mkdir(parents=True)
    table = {
        "anchor": [row["question"] for row in problem.rows],
        "positive": [row["context"] for row in problem.rows],
    }
    pq.write_table(pa.table(table), folder / "pairs" / "train.parquet")
    asked = [(row["question"], passage_id(row["context"])) for row in problem.rows]
    keyed = [{**p, "passage_id": passage_id(p["context"])} for p in problem.passages]
    write_test(folder / "beir", keyed, asked)
    (folder / "beir" / "qrels" / "test.tsv").rename(folder / "beir" / "qrels" / "train.tsv")


def choose(args: argparse.Namespace, problem: Problem, model: str) -> tuple[float, float]:
    """Learning rate and epochs with the highest nDCG@10 on held-out rows of the data."""
    from distilabel_rag4rag.training.trainer_parts import ValidationEvaluator

    wanted = [tuple(map(float, pair.split("x"))) for pair in args.settings.split(",")]
    if len(wanted) == 1:
        return wanted[0]
    folder = args.out / "tuning"
    if not folder.exists():
        named = [{**row, "id": f"row{n}"} for n, row in enumerate(problem.rows)]
        export_training_data(named, problem.passages, folder, formats=["pairs", "beir"], checks=[])
    found: dict[tuple[float, float], float] = {}
    rows = None
    for rate, epochs in wanted:
        settings = TrainingSettings(
            source=str(folder),
            models=[model],
            learning_rate=rate,
            epochs=epochs,
            checks=0,
            loss=args.loss,
            teacher=args.teacher,
            data="pairs",
            max_tokens=args.max_tokens,
            freeze_embeddings=args.freeze_embeddings,
        )
        training = Training(settings)
        assert training.validation is not None
        evaluator = ValidationEvaluator(training.validation, settings.encode_batch_size)
        loaded = training.load(model)
        if not found:
            print(f"{model} on validation as it was: {evaluator.measure(loaded):.4f}")
        if rows is None:
            rows = training.with_teacher(training.rows, loaded)
        finetune(loaded, rows, settings, args.out / "tuning-run")
        found[rate, epochs] = evaluator.measure(loaded)
        print(
            f"{model} on validation, {rate:g} x {epochs:g}: {found[rate, epochs]:.4f}", flush=True
        )
    return max(found, key=lambda pair: found[pair])


def main() -> None:
    quiet()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problem", choices=["squad", "cranfield"])
    parser.add_argument("--documents", type=Path)
    parser.add_argument("--unseen", type=Path)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--questions", type=Path, nargs="+")
    parser.add_argument("--question-types", default="factoid,why_how")
    parser.add_argument("--num-questions", type=int, default=1)
    parser.add_argument("--make", action="store_true")
    parser.add_argument("--unchecked", action="store_true", help="questions of any answer (SQuAD)")
    parser.add_argument("--arms", action="store_true", help="questions and titles (Cranfield)")
    parser.add_argument("--model", default="static")
    parser.add_argument("--settings", default="1e-3x3,3e-3x3,1e-2x3,3e-3x10", help="rate x epochs")
    parser.add_argument("--loss", default="multiple_negatives")
    parser.add_argument("--teacher")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--only", help="these sets of rows, comma-separated, in this order")
    parser.add_argument("--max-tokens", type=int)
    parser.add_argument("--freeze-embeddings", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    problem = squad(args) if args.problem == "squad" else cranfield(args)
    print(f"{len(problem.rows)} rows, {len(problem.passages)} passages", flush=True)
    export = args.out / "export"
    if not export.exists():
        write_export(export, problem)
    rate, epochs = choose(args, problem, args.model)
    settings = TrainingSettings(
        source=str(export),
        models=[args.model],
        learning_rate=rate,
        epochs=epochs,
        seeds=args.seeds,
        rows=args.rows,
        loss=args.loss,
        teacher=args.teacher,
        data="pairs",
        max_tokens=args.max_tokens,
        freeze_embeddings=args.freeze_embeddings,
        evaluate_on=[str(problem.test)],
        study=True,
    )
    study = Study(settings, further=problem.arms)
    if args.only:
        named = {rows.name: rows for rows in study.sets}
        study.sets = [named[name] for name in args.only.split(",")]
    result = study.run(
        args.out,
        say=lambda text: print(text, flush=True),
        phase=lambda text: print(text, flush=True),
    )
    record = {
        "title": f"Study: {args.problem}, {args.model}",
        "settings": settings.model_dump(mode="json"),
        "sentences": [f"{table.title}: {table.verdict}" for table in result.tables],
        "studies": result.tables,
        "seconds": result.seconds,
    }
    write_evaluation_report([], record, args.out)
    print((args.out / "report.md").read_text("utf-8"))


if __name__ == "__main__":
    main()
