"""The table of interruptions names what there is."""

from __future__ import annotations

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from opsctl.deploy.review.effects import INTERRUPTIONS, effect_of


def test_every_property_of_the_table_is_one_of_its_type() -> None:
    for kind, names in INTERRUPTIONS.items():
        known = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["properties"]
        assert names - known.keys() == set(), kind


def test_a_replacement_weighs_more_than_an_interruption() -> None:
    assert effect_of("AWS::RDS::DBInstance", "Engine") == "perhaps"
    assert effect_of("AWS::RDS::DBInstance", "DBInstanceClass") == "interruption"
    assert effect_of("AWS::RDS::DBInstance", "DBName") == "replacement"
    assert effect_of("AWS::RDS::DBInstance", "Tags") == "in place"
    assert effect_of("AWS::Unheard::Of", "Anything") == "in place"
