"""Outputs that a resource does not always have."""

from typing import Any

import pulumi


def none_if_absent(output: pulumi.Output[Any], sign: pulumi.Output[Any]) -> pulumi.Output[Any]:
    """Return an output that is None if the resource does not have it, in a preview too.

    Pulumi drops what is None and takes whatever is missing in a preview for not known yet: an export of it would be a
    change in every preview. What is missing has no value, while what is not known yet is there as an Unknown.

    Args:
        output: The output.
        sign: An output that a preview knows whenever this one is known or missing.
    """

    async def is_known() -> bool:
        is_missing = await output.future(with_unknowns=True) is None and await sign.is_known()
        return is_missing or await output.is_known()

    return pulumi.Output(output.resources(), output.future(with_unknowns=True), is_known(), output.is_secret())
