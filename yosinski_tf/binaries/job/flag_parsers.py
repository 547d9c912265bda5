"""Flags whose values are neither text nor plain numbers."""

from absl import flags

from yosinski_tf.system.errors import UserError
from yosinski_tf.training.save_clock import Interval

# The value that leaves a decision to the program.
AUTO = "auto"


class CohortSizeParser(flags.ArgumentParser):
    """Parses `auto` or a number."""

    syntactic_help = f"{AUTO} or a positive integer"

    def parse(self, argument: str | int) -> str | int:
        if argument == AUTO:
            return AUTO
        try:
            number = int(argument)
        except ValueError:
            number = 0
        if number < 1:
            raise ValueError(self.syntactic_help)
        return number

    def flag_type(self) -> str:
        return "cohort size"


class IntervalParser(flags.ArgumentParser):
    """Parses an `Interval`."""

    syntactic_help = "at least 1 step, or minutes, such as 500steps or 2min"

    def parse(self, argument: str | Interval) -> Interval:
        if isinstance(argument, Interval):
            return argument
        try:
            return Interval.parse(argument)
        except UserError as error:
            raise ValueError(str(error)) from None

    def flag_type(self) -> str:
        return "interval"
