"""A stand-in for Pulumi's engine, so that the demo and the tests run without the Pulumi CLI.

It speaks Pulumi's wire protocol on both sides: an ordinary program in front, the real provider process behind. It
serves dynamic resources, components, `depends_on`, `parent`, `protect`, `custom_timeouts`, `get` and secrets, and
refuses other options by name. It knows nothing of Baseten, and is not shipped.
"""
