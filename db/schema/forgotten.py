"""Images that are not to be known again."""

from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import Base


class Forgotten(Base):
    """An image that was forgotten for good: a salted digest of its bucket and key, which names neither."""

    __tablename__ = "forgotten"

    digest: Mapped[str] = mapped_column(primary_key=True)
    salt: Mapped[str]  # the same in all rows of a catalogue
