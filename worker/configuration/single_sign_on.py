"""Settings of single sign-on to the review."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from db.schema.vocabulary import ROLES

EVERYBODY = "*"


class SingleSignOnSettings(BaseSettings):
    """Who says who somebody is, and who may what."""

    oidc_issuer: str | None = Field(
        None, description="The OpenID Connect provider whose users may log in to the review: its https:// URL."
    )
    oidc_client_id: str | None = Field(None, description="The name under which that provider knows the review.")
    oidc_client_secret: SecretStr | None = Field(None, description="The secret that goes with it; unset: PKCE alone.")
    oidc_scope: str = Field("openid profile", description="What the provider is asked for.")
    oidc_name_claim: str = Field(
        "preferred_username", description="The claim that has the name of somebody who logs in for the first time."
    )
    oidc_role_claim: str = Field(
        "groups", description="The claim that says what somebody may; with dots in it, as realm_access.roles."
    )
    oidc_roles: dict[str, Literal["viewer", "reviewer", "operator", "admin"]] = Field(
        {}, description='The role of each value of that claim, as {"photo-team": "reviewer"}; "*": of everybody.'
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.oidc_issuer is None:
            return self
        if not self.oidc_issuer.startswith(("https://", "http://localhost", "http://127.0.0.1")):
            raise ValueError("TAGGER_OIDC_ISSUER has to begin with https://")
        if self.oidc_client_id is None or not self.oidc_roles:
            raise ValueError("TAGGER_OIDC_ISSUER needs TAGGER_OIDC_CLIENT_ID and TAGGER_OIDC_ROLES as well")
        return self

    def role_of(self, groups: set[str]) -> str | None:
        """Return the highest role that any of these values of the claim gives; None if none does."""
        given = {role for group, role in self.oidc_roles.items() if group in groups | {EVERYBODY}}
        return max(given, key=ROLES.index, default=None)
