"""The section of docs/security.md that tells who may do what."""

from __future__ import annotations

from tests.golden.controls.markdown import table
from tests.golden.controls.rights import elsewhere, people, roles

_PEOPLE = """\
## Who may do what

### People

Each answer is what IAM's rules, as the emulator evaluates them, say to the calls that it takes, under the policies that
`opsctl env policy` prints for dev, hml and prd; [permissions](aws.md#permissions) says how they are fenced. It holds
for all three unless it says where not. In another environment of the account nobody may do it, or whom the last column
names: `hml→prd` is who holds hml's policy, in prd. These two run one repository, and IAM can't tell its images apart.
The repository itself refuses to move a tag. Who logs in to the database is given `rds-db:connect` by hand.

"""
_SIZES = """
How many rights that is, an action on a resource being one:

"""
_ROLES = """
### Roles

Every role of the templates, in the environments named behind it if not in all. `…` is a name of the environment's own,
`*` all where AWS takes nothing narrower ([exceptions](#exceptions-in-iam)), and brackets hold conditions. What is left
out of an ARN is this account and region; `*:` is whatever account has the repository, which prd's templates don't know.
Not in the templates: the role of the function that AWS brings for the rotation of the master's password, and roles that
AWS's services make for themselves.

"""
_ELSEWHERE = """
### Logins and servers

What these may is told elsewhere; here is every login of the model of roles, and whatever opsctl lets listen on this
machine.

"""


def render() -> str:
    """The section."""
    return "".join([
        _PEOPLE, table(["Who holds it …", *people.POLICIES, "in another"], people.rows()),
        _SIZES, table(["Service", *people.POLICIES], people.sizes()),
        _ROLES, table(["Role", "Taken by", "May"], roles.rows()),
        _ELSEWHERE, table(["Who or what", "Where it stands"], elsewhere.rows()),
    ])  # fmt: skip
