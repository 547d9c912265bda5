"""The run that a study recommends, which `best` names for an export."""

from collections.abc import Sequence

from yosinski_tf.results.network_result import NetworkResult
from yosinski_tf.system.errors import UserError

NAMES = ("best", "best:A", "best:B", "best:W")


def find(flag: str, name: str, networks: Sequence[NetworkResult], measure: str) -> str:
    """The id of the run that a name stands for; prints it with the rule.

    Args:
      flag: The flag with the name, for messages.
      name: One of `NAMES`; without a half the first of B, W and A with a network.
      networks: The finished networks of the study.
      measure: One of `MEASURES`.

    Raises:
      UserError: If there is no network of the half.
    """
    # Imported late: to load scipy takes time, which a refused command need not wait.
    from yosinski_tf.results.recommendation import recommended_network

    asked = name.partition(":")[2]
    for half in asked or "BWA":
        found = recommended_network(networks, half, measure)
        if found is not None:
            print(
                f"Best         {found.run_id}: of what the report recommends, the most"
                " accurate seed on the first split"
            )
            return found.run_id
    of_half = f" of {asked}" if asked else ""
    raise UserError(
        f"--{flag}={name} needs a finished network{of_half}, found none: train one"
        " first"
    )
