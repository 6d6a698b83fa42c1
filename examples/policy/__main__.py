"""A policy pack: `pulumi preview --policy-pack path/of/policy` refuses what `rules.py` does not allow.

It has requirements of its own: `pulumi install` in this folder installs them. A policy sees the inputs that a program
declares for each resource, validated and completed; settings that are not declared are absent, whatever Baseten
reports. For a value that a preview does not know yet, Pulumi prints a note, and `pulumi up` checks it before anything
is sent.
"""

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from rules import SETTINGS, Rule, never_to_zero, within_replica_cap, within_surge_limit


def policy(name: str, description: str, rule: Rule) -> ResourceValidationPolicy:
    """Make a policy of a rule: it checks the settings of every environment, and a violation stops the run."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        if args.resource_type == SETTINGS:
            _, _, stack, *_ = args.urn.split(":")
            for violation in rule(args.props, stack):
                report_violation(violation)

    return ResourceValidationPolicy(
        name=name, description=description, validate=validate, enforcement_level=EnforcementLevel.MANDATORY
    )


PolicyPack(
    name="baseten-guard-rails",
    policies=[
        policy("production-never-to-zero", "Production keeps at least one replica.", never_to_zero),
        policy("replica-cap", "A stack stays within its number of replicas.", within_replica_cap),
        policy("surge-limit", "Rolling deploys add few replicas.", within_surge_limit),
    ],
)
