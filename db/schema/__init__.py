"""The tables of the catalogue. A row class is named after its table; "model" always means a trained network.

Confidence is an INTEGER of 1e-4 (9,731 is 0.9731), so that keyset paging and comparison are exact. Times are UTC.
"""

from db.schema.bundles import ModelPromotion as ModelPromotion, ModelVersion as ModelVersion
from db.schema.columns import CONFIDENCE_UNIT as CONFIDENCE_UNIT, Base as Base
from db.schema.forgotten import Forgotten as Forgotten
from db.schema.nights import GateFinding as GateFinding, NightNotice as NightNotice, SchedulePause as SchedulePause
from db.schema.operations import (
    Plan as Plan,
    PlanChange as PlanChange,
    PlanItem as PlanItem,
    Retention as Retention,
    RunNote as RunNote,
)
from db.schema.people import (
    Act as Act,
    ApiToken as ApiToken,
    LoginThrottle as LoginThrottle,
    User as User,
    UserSession as UserSession,
)
from db.schema.processes import LeaderLease as LeaderLease, Throttle as Throttle, WorkerHeartbeat as WorkerHeartbeat
from db.schema.review import (
    CategoryOwner as CategoryOwner,
    Decision as Decision,
    ImageComment as ImageComment,
    Probe as Probe,
    ReviewClaim as ReviewClaim,
    ReviewScreen as ReviewScreen,
    ReviewSession as ReviewSession,
    SecondOpinion as SecondOpinion,
)
from db.schema.tags import Classification as Classification, ImageTag as ImageTag, TagEvent as TagEvent
from db.schema.work import (
    Run as Run,
    RunBatch as RunBatch,
    RunCount as RunCount,
    SourceObject as SourceObject,
    WorkItem as WorkItem,
)
