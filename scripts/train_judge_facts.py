"""Short invented facts about places, persons, years and things, with questions about them.

In documents a wrong answer of the right sort is rare: one town in the place of another. Here every
question has wrong answers of the sort that is asked for, and the evidence is one short sentence.
"""

import random
import re

from train_judge_items import Item

_WORDS = {
    "place": """
        Aachen Bilbao Bruges Calais Cork Cracow Danzig Delft Dijon Dublin Florence Geneva Graz Hull
        Kazan Leeds Leipzig Lima Lyon Madrid Malmö Milan Munich Nantes Naples Odessa Oxford Paris
        Perth Pisa Prague Rome Rouen Salerno Seville Tallinn Toledo Trieste Turin Utrecht Verona
        Warsaw York Zurich
    """,
    "thing": """
        altar barrel bridge chapel chest door fountain gate loom map mill organ pulpit table tower
    """,
    "verb": "designed painted paid bought moved copied opened restored measured destroyed",
    "trade": """
        baker carpenter doctor farmer miller nurse painter sailor smith surgeon tailor weaver
    """,
    "material": """
        brass chalk clay copper glass granite ivory lead marble oak silver slate walnut
    """,
    "first name": """
        Ada Anna Carl Clara Elsa Emil Erik Hugo Ida Jan Jonas Karin Lena Marta Nils Otto Paul Rosa
    """,
    "last name": """
        Adler Brandt Costa Duval Ek Fischer Holm Kowalski Lang Moreau Novak Petrov Rossi Sand Weber
    """,
}
WORDS = {sort: words.split() for sort, words in _WORDS.items()}
#: What a sentence is filled with.
SORTS = ("place", "thing", "verb", "trade", "material", "person", "year")

#: A sentence, and for each thing that can be asked: question and what is asked for.
FACTS = (
    (
        "{person} {verb} the {thing} of {place} in {year}.",
        (
            ("Who {verb} the {thing} of {place}?", "person"),
            ("When did {person} change the {thing} of {place}?", "year"),
            ("In which town did {person} work on the {thing}?", "place"),
        ),
    ),
    (
        "In {year} a {trade} from {place} {verb} the {material} {thing}.",
        (
            ("Where did the {trade} come from?", "place"),
            ("In which year was the {thing} {verb}?", "year"),
            ("What was the {thing} made of?", "material"),
            ("What was the trade of the person who {verb} the {thing}?", "trade"),
        ),
    ),
    (
        "The {thing} that {person} gave to {place} is made of {material}.",
        (
            ("What is the {thing} of {person} made of?", "material"),
            ("Which city got the {thing}?", "place"),
            ("Who gave {place} the {thing}?", "person"),
        ),
    ),
    (
        "{person}, a {trade}, was born in {place} and died in {year}.",
        (
            ("Where was {person} born?", "place"),
            ("What did {person} do for a living?", "trade"),
            ("When did {person} die?", "year"),
            ("Which {trade} was born in {place}?", "person"),
        ),
    ),
)


def fact_item(rng: random.Random) -> Item:
    """A question about one fact of a short sentence, with wrong answers of the same sort."""
    values = {sort: _one(sort, rng) for sort in SORTS}
    text, questions = rng.choice(FACTS)
    sentence = text.format(**values)
    question, asked = rng.choice(questions)
    answer = values[asked]
    known = set(re.findall(r"\w+", sentence))
    wrong: list[str] = []
    while len(wrong) < 4:
        other = _one(asked, rng)
        if other not in wrong and not known & set(other.split()):
            wrong.append(other)
    return Item(
        source="documents",
        document="facts",
        passage=sentence,
        question=question.format(**values),
        answer=answer,
        wrong=wrong,
        others=[value for name, value in values.items() if name != asked and value in sentence],
        sentence=sentence,
    )


def _one(sort: str, rng: random.Random) -> str:
    if sort == "person":
        return f"{rng.choice(WORDS['first name'])} {rng.choice(WORDS['last name'])}"
    if sort == "year":
        return str(rng.randint(1100, 1990))
    return rng.choice(WORDS[sort])
