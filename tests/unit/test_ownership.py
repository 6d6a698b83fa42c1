from baseten_pulumi.ownership import Claim, Conflict, Owners, reason

MIN, MAX = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"


def _claim(owner: str, *paths: str, env_name: str = "production", model_id: str = "abc123") -> Claim:
    return Claim(owner, model_id, env_name, dict.fromkeys(paths, 1))


def test_setting_is_contested_when_another_manages_it() -> None:
    """Each such setting is named with who manages it; the claim counts for nothing then."""
    owners = Owners()
    assert owners.claim(_claim("a", MIN, MAX)) == ()
    assert owners.claim(_claim("b", MAX, "promotion_settings.rolling_deploy")) == (Conflict(MAX, "a"),)
    assert owners.claim(_claim("c", "promotion_settings.rolling_deploy")) == ()


def test_settings_are_free_when_they_are_others_or_of_another_environment() -> None:
    """Ownership goes by setting, environment and model."""
    owners = Owners()
    owners.claim(_claim("a", MIN))
    assert owners.claim(_claim("b", MAX)) == ()
    assert owners.claim(_claim("c", MIN, env_name="staging")) == ()
    assert owners.claim(_claim("d", MIN, model_id="xyz")) == ()


def test_claim_replaces_the_one_before_when_the_same_resource_claims_again() -> None:
    """An engine may ask twice, and for another environment the second time; what it let go is free."""
    owners = Owners()
    owners.claim(_claim("a", MIN, MAX))
    assert owners.claim(_claim("a", MIN)) == ()
    assert owners.claim(_claim("b", MAX)) == ()
    assert owners.claim(_claim("a", MIN, env_name="staging")) == ()
    assert owners.claim(_claim("c", MIN)) == ()


def test_claims_of_others_are_told_when_they_share_an_environment() -> None:
    """Each once, and no more after it was taken back; what was refused is none."""
    owners = Owners()
    assert owners.beside(_claim("a", MIN)) == ()
    made = [_claim("a", MIN), _claim("b", MAX, "promotion_settings.rolling_deploy"), _claim("c", MIN, MAX)]
    assert [bool(owners.claim(it)) for it in made] == [False, False, True]
    owners.claim(_claim("d", MIN, env_name="staging"))
    assert owners.beside(made[0]) == (made[1],)
    assert owners.beside(made[2]) == (made[0], made[1])
    owners.forget("b")
    owners.forget("b")
    assert owners.beside(made[2]) == (made[0],)


def test_environment_and_owner_are_named_when_a_setting_is_refused() -> None:
    """Whoever reads it knows the resource and the setting already."""
    assert reason(Conflict(MIN, "a"), _claim("b", MIN)) == (
        'is managed by "a" already; each setting of environment "production" of model "abc123" belongs to one resource'
    )
