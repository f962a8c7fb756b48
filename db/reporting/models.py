"""Models by their work: how many images each has classified, and how many of these it has flagged."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from db import counts, promotions
from db.schema import ModelVersion, Run, RunCount


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a model has done, from the counts of its runs."""

    version: ModelVersion
    promoted: bool
    classified: int
    flagged: int
    last_used: datetime

    @property
    def bundle_id(self) -> str:
        return self.version.bundle_id


def uses(session: Session, limit: int = 10) -> list[ModelUse]:
    """List the models that were used last."""
    done, flagged = (
        func.coalesce(func.sum(case((RunCount.name == name, RunCount.items), else_=0)), 0)
        for name in ("done", counts.NEEDS_REVIEW)
    )
    by_model = (
        select(ModelVersion, done, flagged, func.max(Run.created_at))
        .join_from(ModelVersion, Run, Run.model_version_id == ModelVersion.id)
        .outerjoin(RunCount, RunCount.run_id == Run.id)
        .group_by(ModelVersion.id)
        .order_by(func.max(Run.created_at).desc(), ModelVersion.id.desc())
    )
    standing = {model.id for model in promotions.promoted(session).values()}
    return [
        ModelUse(model, model.id in standing, int(classified), int(marked), used)
        for model, classified, marked, used in session.execute(by_model.limit(limit))
    ]
