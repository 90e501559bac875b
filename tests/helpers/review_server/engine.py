"""A search engine for Argilla that answers from the server's own database: no Elasticsearch.

The server writes records, suggestions and responses to its database itself, so there is nothing
to index; a search loads the dataset's records, filters, sorts and slices them.
"""

from collections import Counter
from typing import Any

from argilla_server.database import AsyncSessionLocal
from argilla_server.models import Record, Response, Suggestion
from argilla_server.search_engine import SearchEngine
from argilla_server.search_engine.base import (
    AndFilter,
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    MetadataFilterScope,
    RecordFilterScope,
    SearchResponseItem,
    SearchResponses,
    SuggestionFilterScope,
    TermsFilter,
    TermsMetrics,
)
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload


@SearchEngine.register("database")
class DatabaseSearchEngine(SearchEngine):
    """Full-text queries, filters and orders as the Elasticsearch engine gives them."""

    @classmethod
    async def new_instance(cls):
        return cls()

    async def close(self):
        pass

    async def ping(self):
        return True

    async def info(self):
        return {"name": "database"}

    async def _nothing(self, *args, **kwargs):
        pass

    create_index = delete_index = configure_metadata_property = configure_index_vectors = _nothing
    index_records = partial_record_update = delete_records = set_records_vectors = _nothing
    update_record_response = delete_record_response = _nothing
    update_record_suggestion = delete_record_suggestion = _nothing

    async def get_dataset_progress(self, dataset):
        if dataset.is_draft:
            return {}
        counts = Counter(record.status.value for record in await _records(dataset.id))
        return {"total": counts.total(), **counts}

    async def get_dataset_user_progress(self, dataset, user):
        if dataset.is_draft:
            return {}
        async with AsyncSessionLocal() as session:
            found = await session.execute(
                select(Response.status, func.count())
                .join(Record)
                .where(Record.dataset_id == dataset.id, Response.user_id == user.id)
                .group_by(Response.status)
            )
            counts = {status.value: count for status, count in found}
        return {"total": sum(counts.values()), **counts}

    async def search(
        self, dataset, query=None, filter=None, sort=None, offset=0, limit=100, user_id=None
    ):
        """Records in the order of their insertion, unless `sort` says otherwise."""
        found = [
            record
            for record in await _records(dataset.id)
            if _contains(record, query) and (filter is None or _passes(record, filter))
        ]
        for order in reversed(sort or []):
            values = {id(record): _values(record, order.scope) for record in found}
            with_value = [record for record in found if values[id(record)]]
            with_value.sort(
                key=lambda record: values[id(record)][0],
                reverse=getattr(order.order, "value", order.order) == "desc",
            )
            found = with_value + [record for record in found if not values[id(record)]]
        items = [
            SearchResponseItem(record_id=record.id, score=1.0)
            for record in found[offset : offset + limit]
        ]
        return SearchResponses(items=items, total=len(found))

    async def compute_metrics_for(self, metadata_property):
        scope = MetadataFilterScope(metadata_property=metadata_property.name)
        records = await _records(metadata_property.dataset_id)
        values = [value for record in records for value in _values(record, scope)]
        if metadata_property.is_terms:
            counts = Counter(values)
            terms = [TermsMetrics.TermCount(term=t, count=n) for t, n in counts.most_common()]
            return TermsMetrics(total=len(values), values=terms)
        kind = IntegerMetadataMetrics if metadata_property.is_integer else FloatMetadataMetrics
        return kind(min=min(values, default=None), max=max(values, default=None))

    async def similarity_search(self, *args, **kwargs):
        raise NotImplementedError("vectors are not searched")


async def _records(dataset_id):
    async with AsyncSessionLocal() as session:
        found = await session.scalars(
            select(Record)
            .where(Record.dataset_id == dataset_id)
            .options(
                selectinload(Record.responses),
                selectinload(Record.suggestions).selectinload(Suggestion.question),
            )
            .order_by(Record.inserted_at, Record.id)
        )
        return found.unique().all()


def _contains(record, query) -> bool:
    """All words of the query in one field, in any case."""
    if query is None:
        return True
    words = getattr(query, "q", query).lower().split()
    field = getattr(query, "field", None)
    texts = [record.fields.get(field) or ""] if field else list(record.fields.values())
    return any(all(word in str(text).lower() for word in words) for text in texts)


def _passes(record, condition) -> bool:
    if isinstance(condition, AndFilter):
        return all(_passes(record, part) for part in condition.filters)
    values = _values(record, condition.scope)
    if isinstance(condition, TermsFilter):
        wanted = {str(value) for value in condition.values}
        no_response = getattr(condition.scope, "property", None) == "status" and not values
        return bool(wanted & set(map(str, values))) or (no_response and "pending" in wanted)
    return any(
        (condition.ge is None or value >= condition.ge)
        and (condition.le is None or value <= condition.le)
        for value in values
    )


def _values(record, scope) -> list[Any]:
    """What a record holds in the scope of a filter or an order; a list holds each of its items."""
    if isinstance(scope, MetadataFilterScope):
        found = [(record.metadata_ or {}).get(scope.metadata_property)]
    elif isinstance(scope, RecordFilterScope):
        found = [getattr(record, scope.property)]
    elif isinstance(scope, SuggestionFilterScope):
        found = [
            getattr(suggestion, scope.property)
            for suggestion in record.suggestions
            if suggestion.question.name == scope.question
        ]
    else:
        responses = [r for r in record.responses if not scope.user or r.user_id == scope.user.id]
        if scope.question:
            answers = [(r.values or {}).get(scope.question) for r in responses]
            found = [answer["value"] for answer in answers if answer]
        else:
            found = [r.status for r in responses]
    flat = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return [getattr(item, "value", item) for item in flat if item is not None]
