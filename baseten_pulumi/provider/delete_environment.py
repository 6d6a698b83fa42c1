"""Delete of an environment."""

import asyncio
import contextlib

from baseten_pulumi.api.retry import retry
from baseten_pulumi.config import Config
from baseten_pulumi.errors import EnvironmentNotFoundError, ModelNotFoundError
from baseten_pulumi.provider.ownership import environment_owners
from baseten_pulumi.provider.pulumi_internals import Call, Row
from baseten_pulumi.provider.read import parse, with_way_out
from baseten_pulumi.provider.session import Session, run
from baseten_pulumi.schema.validate import ID_FORM
from baseten_pulumi.wait.desired import DesiredEnvironment
from baseten_pulumi.wait.messages import retrying


def delete(resource_id: str, config: Config, call: Call) -> None:
    """Delete an environment, and wait until it is gone.

    Nothing is sent if another resource of this run has the environment, or if this one has adopted it in this run.

    Args:
        resource_id: `model_id/env_name`.
        config: Configuration of the stack.
        call: The request that is being answered.

    Raises:
        ModelNotFoundError: the model was not found, or this API key cannot see it.
        RequestError: Baseten did not accept the request.
        NotAppliedError: the environment is still there.
    """
    model_id, env_name = parse(resource_id, ID_FORM, "environment", "abc123/staging")
    row = Row(call.urn)
    if keeper := environment_owners.owner((model_id, env_name), call.urn):
        row.note(f"{resource_id}: kept in Baseten because {keeper} manages it")
        return

    async def work(session: Session) -> None:
        now = asyncio.get_running_loop().time
        started_at = now()
        is_deleted = await retry(
            lambda left: session.client.delete_environment(model_id, env_name, timeout=left),
            timeout=call.timeout,
            on_error=lambda error: row.report(retrying(error, call.timeout)),
        )
        if config.waits() or not is_deleted:
            gone, elapsed = DesiredEnvironment(model_id, env_name, is_deletion=True), now() - started_at
            await session.watcher.wait([gone], timeout=call.timeout, elapsed=elapsed, report=row.report)

    try:
        with contextlib.suppress(EnvironmentNotFoundError):  # neither readable nor listed
            run(config, work)
        row.end("deleted")
    except ModelNotFoundError as error:
        raise with_way_out(error) from None
    finally:
        row.flush()
