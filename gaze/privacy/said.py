"""What a forgetting did, what it could not do, and what proves it."""

from __future__ import annotations

from dataclasses import dataclass, field

from calibration.errors import UserError


class PrivacyError(UserError):
    """Something that cannot be forgotten, or would say more than it may."""


@dataclass
class Report:
    """What was forgotten, what was kept and why, and the proof.

    changed : files rewritten or made again. deleted : files that are gone. kept : files that stay
    although they may matter, with the reason. lost : what could not be made again, and why; it is
    deleted, or lies outside the lesson. searched_files, searched_bytes : what the proof read.
    remains : where something was still found, or could be; empty = proven.
    """

    what: str
    changed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    searched_files: int = 0
    searched_bytes: int = 0
    remains: list[str] = field(default_factory=list)

    @property
    def proven(self) -> bool:
        """Nothing is left in the folder."""
        return not self.remains

    @property
    def whole(self) -> bool:
        """Proven, and all that was made from the student is made again without."""
        return self.proven and not self.lost

    def __str__(self) -> str:
        lines = [f"Forgotten: {self.what}."]
        lines += [f"  rewritten  {c}" for c in self.changed]
        lines += [f"  deleted    {d}" for d in self.deleted]
        lines += [f"  kept       {k}" for k in self.kept]
        lines += [f"  NOT MADE AGAIN  {x}" for x in self.lost]
        if self.proven:
            lines.append(
                f"Proof: {self.searched_files} files ({self.searched_bytes} bytes before "
                "unpacking) were searched, and nothing is left."
            )
        else:
            lines.append("NOT everything is gone, or not proven to be; look at:")
            lines += [f"  {r}" for r in self.remains]
        lines.append(
            "Copies outside this folder (exports, backups, e-mails, reports of other lessons that "
            "show this one beside them) are not touched: delete them."
        )
        return "\n".join(lines)
