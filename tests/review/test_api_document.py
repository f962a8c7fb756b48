"""The API is as its document says, whatever is sent: no failure of the server, no status that is not described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import get_client
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from schemathesis import Case

    from tests.review.clients import Review

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 3
"""Of each operation, valid and not."""


# What else runs in this process, as a thread of the test before, may draw from `random` while a case is made.
@pytest.mark.filterwarnings("ignore:Do not use the .random. module inside strategies")
def test_whatever_is_sent_the_answer_is_one_that_the_document_describes(review_on_both: Review) -> None:
    app: Any = review_on_both.client.app
    document = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    headers = {"Authorization": f"Bearer {review_on_both.tokens['admin']}"}
    operations = [result.ok() for result in document.get_all_operations()]

    with get_client(app) as client:
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @given(case=operation.as_strategy(generation_mode=mode))
                @settings(
                    max_examples=EXAMPLES,
                    derandomize=True,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                def answer_is_described(case: Case) -> None:
                    case.call_and_validate(session=client, headers=headers, checks=CHECKS)

                answer_is_described()

    assert len(operations) > 15
    assert review_on_both.catalogue.violations() == []
