"""AWS Budgets: a mail when what the environment is billed passes its monthly budget, or is going to."""

from __future__ import annotations

import hashlib

from troposphere import budgets

from opsctl.config import naming
from opsctl.stacks.parts.base import StackBuilder, stack_tags


def budget(stack: StackBuilder) -> None:
    """Add `Budget`. What it sees is what is tagged with the environment's name, once the account's owner has made
    `environment` a cost allocation tag; before that it sees nothing. It mails without a confirmation, and for nothing.

    NOTE: whom it mails is create-only and its name unique in the account, so the name changes with the address: a new
    budget is made before the old one goes. [Schema; API Budget]
    """
    settings = stack.env.observability
    address = str(settings.alert_email)
    subscriber = budgets.Subscriber(SubscriptionType="EMAIL", Address=address)
    stack.add(
        budgets.Budget(
            "Budget",
            Budget=budgets.BudgetData(
                BudgetName=naming.budget_name(stack.env, hashlib.sha256(address.encode()).hexdigest()[:8]),
                BudgetType="COST",
                TimeUnit="MONTHLY",
                BudgetLimit=budgets.Spend(Amount=settings.monthly_budget, Unit="USD"),
                # The form of keys that people gave. [UG Budgets, CreateBudget examples]
                CostFilters={"TagKeyValue": [f"user:environment${stack_tags(stack.env, stack.stack)['environment']}"]},
            ),
            NotificationsWithSubscribers=[
                budgets.NotificationWithSubscribers(
                    Notification=budgets.Notification(
                        NotificationType=kind, ComparisonOperator="GREATER_THAN", Threshold=100,
                        ThresholdType="PERCENTAGE",
                    ),
                    Subscribers=[subscriber],
                )
                for kind in ("ACTUAL", "FORECASTED")
            ],
        )
    )  # fmt: skip
