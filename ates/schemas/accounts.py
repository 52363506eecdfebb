"""Avro records of the accounts context. The fields, their meaning and defaults are the domain's own."""

from dataclasses_avroschema import AvroModel

from ates.domain.accounts import messages

NAMESPACE = "ates.accounts"


class AccountCreated(messages.AccountCreated, AvroModel):
    class Meta:
        namespace = NAMESPACE


class AccountChanged(messages.AccountChanged, AvroModel):
    class Meta:
        namespace = NAMESPACE


class SessionRevoked(messages.SessionRevoked, AvroModel):
    class Meta:
        namespace = NAMESPACE


class AccountsAdministered(messages.AccountsAdministered, AvroModel):
    class Meta:
        namespace = NAMESPACE
