"""Several fields of one request that cannot be used, told at once."""

from dataclasses import dataclass

from authsvc.errors import DomainError


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A field by its name, and what to mend; never what it held. `reason` is for who tells it in other words."""

    field: str
    message: str
    reason: str = ""


class FieldsInvalid(DomainError):
    """Some fields cannot be used; `problems` names each."""

    rule = "fields_invalid"

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__(", ".join(problem.field for problem in problems))
        self.problems = problems
