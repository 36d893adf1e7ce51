"""The table [survey] of the study file: the roles of a survey's variables."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from storage.tomlfile import Table


class Variable(Table):
    """An independent variable of a survey."""

    title: str | None = Field(None, description="Its name in the report; default: the variable's name.")
    order: bool | tuple[str, ...] = Field(
        False, description="Ordinal: its answers or codes from low to high; true: in the codebook's order."
    )
    coding: Literal["each", "indicator", "deviation"] | None = Field(
        None, description="Logistic regression of the outcome on its answers: each against all others, indicator or "
        "deviation coding; default: none.",
    )  # fmt: skip
    reference: Literal["first", "last"] = Field(
        "last", description="The answer that indicator and deviation leave out."
    )
    keep: dict[str, str] = Field(
        {}, description="Answers of fewer respondents than minimum to test as well, each with the reason."
    )


class Survey(Table):
    """Roles of a survey's variables; `sneeuwbal import survey FILE` reads the answers."""

    name: str | None = Field(
        None, description="The survey to use, if several were imported: its file name, no extension."
    )
    respondent: str | None = Field(None, description="The variable that numbers the respondents.", examples=["nr"])
    outcome: str | None = Field(None, description="The dependent variable.", examples=["public"])
    positive: tuple[str, ...] | None = Field(
        None, description="Its answers or codes that count as yes.", examples=[["ja"]]
    )
    often: str | None = Field(None, description="The variable for frequency, asked only of those who answered yes.")
    weight: str | None = Field(None, description="The variable that holds weights.", examples=["weight"])
    organisation: str | None = Field(
        None,
        description="The variable for the respondent's organisation; its answers are read like employers.",
    )
    minimum: int = Field(50, ge=0, description="Answers of fewer respondents are left out of regressions, and listed.")
    variables: dict[str, Variable] = Field(
        {}, description="Independent variables, by name.", examples=[{"income": {"title": "income", "order": True}}]
    )

    @model_validator(mode="after")
    def _answered(self) -> Survey:
        """An outcome has answers that count as yes, and no two variables have one title."""
        if self.outcome and not self.positive:
            raise ValueError("outcome should come with positive: its answers that count as yes")
        titles = [its.title or name for name, its in self.variables.items()]
        if twice := sorted({title for title in titles if titles.count(title) > 1}):
            raise ValueError(f"two variables are called {', '.join(twice)}: each needs a title of its own")
        return self
