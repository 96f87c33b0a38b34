"""What the service answers, as JSON: the same words as ``summary.json`` and the command line."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Problem(BaseModel):
    """A refusal, RFC 9457; ``limit``, ``got``, ``hint`` and others where they help."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""


class Assumed(BaseModel):
    """A number from outside the image."""

    name: str
    low: float | None
    best: float | None
    high: float | None
    unit: str
    source: str


class Room(BaseModel):
    """A task and what can be asked of it."""

    name: str
    title: str
    classes: list[str]
    colours: list[str] = Field(description="Of the classes, as #rrggbb; told apart by the colour-blind.")
    bands: list[str]
    head: str
    accepts: list[str] = Field(description="Kinds of file, judged by content.")
    on_map: bool = Field(description="True where pictures without a map projection are refused unless no_area is set.")
    assumptions: list[Assumed]
    formats: list[str]
    settings: dict[str, str]
    levels: int = Field(description="Value of probability 1 in 8-bit files.")
    models: list[str] = Field(description="Shipped sets.")
    thresholds: list[float] = Field(
        description="By class, of the first model: what counts unless another is asked for."
    )
    links: dict[str, str]


class Rooms(BaseModel):
    """Every task, and the limits in force."""

    tasks: list[Room]
    limits: dict[str, float]
    version: str


class File(BaseModel):
    """One file of a result."""

    name: str
    bytes: int
    media: str
    href: str


class Answer(BaseModel):
    """A run: asked for, in work, or done."""

    id: str
    task: str
    verb: str
    state: State
    name: str = Field(description="What was sent, as it is shown.")
    created: float = Field(description="Seconds since 1970, UTC.")
    expires: float | None = None
    progress: float = Field(default=0.0, description="Share done, 0 to 1.")
    stage: str = ""
    problem: Problem | None = None
    parent: str | None = Field(default=None, description="The result that was measured again.")
    record: dict[str, Any] | None = Field(default=None, description="What summary.json holds.")
    files: list[File] | None = Field(
        default=None, description="None where they are made when they are first asked for."
    )
    inputs: list[File] | None = Field(default=None, description="What was sent, if it is still kept.")
    links: dict[str, str]


class Line(BaseModel):
    """One line of the history."""

    id: str
    task: str
    verb: str
    name: str
    created: float
    expires: float
    bytes: int
    parent: str | None
    links: dict[str, str]


class History(BaseModel):
    """Results, newest first."""

    results: list[Line]
    total: int
    limit: int
    offset: int


class Again(BaseModel):
    """How a result is measured again, without a model."""

    model_config = ConfigDict(extra="forbid")

    assume: dict[
        Annotated[str, Field(max_length=100)],
        Annotated[str, Field(max_length=100)] | Annotated[float, Field(allow_inf_nan=False)],
    ] = Field(default={}, max_length=40, description='Name → value, or "low:best:high".')
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    keep: bool = Field(default=False, description="True makes it a result of its own in the history.")


class Mark(BaseModel):
    """One thing that somebody has marked."""

    label: int = Field(ge=1, le=254, description="Class, counted from 1.")
    box: tuple[float, float, float, float] = Field(description="Left, top, width, height; pixels.")


class Correction(BaseModel):
    """A mask that somebody has corrected."""

    id: str
    result: str
    stem: str
    author: str
    note: str
    created: float
    models: list[str] = Field(description="sha256 of the models whose mask was corrected.")
    href: str
    boxes: list[Mark] | None = Field(
        None, description="Corrected boxes, in rooms that find them; null: none were sent."
    )


class Corrections(BaseModel):
    """Corrections of one result, newest first."""

    corrections: list[Correction]


class Shared(BaseModel):
    """A link that opens one result, for reading, without a key; this is the only time that it can be read."""

    href: str = Field(description="The record and its files, as JSON.")
    report: str | None = Field(description="The same as a page.")
    expires: float = Field(description="Seconds since 1970, UTC.")


class Models(BaseModel):
    """Cards of the shipped models."""

    models: list[dict[str, Any]]


class Health(BaseModel):
    """Whether the service can work."""

    ready: bool
    checks: dict[str, str]


PROBLEM = {"model": Problem, "content": {"application/problem+json": {}}}
REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {**PROBLEM, "description": said}
    for code, said in {
        400: "The request contradicts itself.", 401: "A key is wanted.", 403: "Not allowed.", 404: "There is none.",
        408: "Sent too slowly.", 409: "In conflict.", 413: "Too large.", 415: "Not a kind of file that is taken.",
        416: "No such range.", 422: "Cannot be used.", 429: "Too many requests; see Retry-After.",
        501: "Not installed here.", 503: "Not now; see Retry-After.", 504: "Took too long.", 507: "The disk is full.",
    }.items()
}  # fmt: skip
"""What any route may answer beside its own."""
