"""Avro records of the accounting context. The fields, their meaning and defaults are the domain's own."""

from dataclasses_avroschema import AvroModel

from ates.domain.accounting import messages

NAMESPACE = "ates.accounting"


class ChargeFee(messages.ChargeFee, AvroModel):
    class Meta:
        namespace = NAMESPACE


class PayReward(messages.PayReward, AvroModel):
    class Meta:
        namespace = NAMESPACE


class CloseDay(messages.CloseDay, AvroModel):
    class Meta:
        namespace = NAMESPACE


class TransactionApplied(messages.TransactionApplied, AvroModel):
    class Meta:
        namespace = NAMESPACE


class RetryPayoutMail(messages.RetryPayoutMail, AvroModel):
    class Meta:
        namespace = NAMESPACE


class PayoutMailSent(messages.PayoutMailSent, AvroModel):
    class Meta:
        namespace = NAMESPACE


class PayoutMailFailed(messages.PayoutMailFailed, AvroModel):
    class Meta:
        namespace = NAMESPACE
