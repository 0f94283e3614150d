"""The ids of every row, typed out again on purpose: the assertions must cover these, and cover no others.

FSBP controls by their own ids (`RDS.5`), CIS 5.0 as `CIS-2.2.4`, checkov by its ids; `own:` is asked for by nobody but
us. `ACCOUNT_LEVEL` is what belongs to an account and not to any of the stacks.
"""

from __future__ import annotations

ROWS: dict[str, str] = {
    "rds-private": "RDS.2 RDS.3 RDS.18 CIS-2.2.1 CIS-2.2.3 CKV_AWS_16 CKV_AWS_17",
    "rds-multi-az": "RDS.5 CIS-2.2.4 CKV_AWS_157",
    "rds-monitoring": "RDS.6 CKV_AWS_118",
    "rds-protection": "RDS.8 RDS.13 RDS.17 CIS-2.2.2 own:major-version",
    "rds-storage": "own:storage-alarm",
    "rds-backups": "RDS.11",
    "rds-logs": "RDS.9 RDS.36",
    "rds-iam": "RDS.10 CKV_AWS_161",
    "rds-tls": "RDS.38 CKV2_AWS_69",
    "rds-names": "RDS.23 RDS.25",
    "rds-events": "RDS.20 RDS.21 RDS.22",
    "secrets": "SecretsManager.1 SecretsManager.4 CKV_AWS_149",
    "ecs-private": "ECS.2",
    "ecs-containers": "ECS.3 ECS.4 ECS.5 ECS.8 ECS.9 ECS.10",
    "ecs-user": "ECS.1 own:capabilities own:no-ecs-exec",
    "ecs-insights": "ECS.12 CKV_AWS_65",
    "elb-https": "ELB.1 ELB.18 CKV_AWS_2 CKV_AWS_103 CKV_AWS_260",
    "elb-policy": "ELB.17",
    "elb-headers": "ELB.4 ELB.12 CKV_AWS_131",
    "elb-logs": "ELB.5 ELB.6 CKV_AWS_91",
    "elb-zones": "ELB.13",
    "waf": "ELB.16 CloudFront.6 CKV_AWS_68 CKV_AWS_192",
    "cloudfront": "CloudFront.1 CloudFront.3 CloudFront.7 CloudFront.8 CloudFront.12 CKV_AWS_34",
    "cloudfront-oac": "CloudFront.13",
    "cloudfront-tls": "CloudFront.15 CKV_AWS_174",
    "cloudfront-logs": "CloudFront.5 CKV_AWS_86",
    "headers": "own:headers",
    "s3-private": "S3.1 S3.2 S3.3 S3.8 S3.12 CIS-2.1.4 CKV_AWS_53 CKV_AWS_54 CKV_AWS_55 CKV_AWS_56 CKV_AWS_57",
    "s3-tls": "S3.5 CIS-2.1.1",
    "s3-kept": "S3.9 S3.10 S3.13 CKV_AWS_18 CKV_AWS_21 own:bucket-encryption",
    "ecr": "ECR.1 ECR.2 ECR.3 CKV_AWS_51 CKV_AWS_136 CKV_AWS_163",
    "lambda": ("Lambda.1 Lambda.2 Lambda.5 CKV_AWS_115 CKV_AWS_116 CKV_AWS_117 CKV_AWS_173 CKV_AWS_363 own:retries"),
    "iam": (
        "IAM.1 IAM.21 KMS.1 KMS.2 CKV_AWS_107 CKV_AWS_108 CKV_AWS_109 CKV_AWS_110 CKV_AWS_111 "
        "CKV_AWS_60 CKV_AWS_61 CKV_AWS_62 CKV_AWS_63"
    ),
    "source-accounts": "own:source-account",
    "pass-role": "own:pass-role",
    "default-group": "EC2.2 CIS-5.5",
    "flow-logs": "EC2.6 CIS-3.7",
    "no-public-addresses": "EC2.15",
    "rules": "EC2.13 EC2.18 EC2.19 CIS-5.3 CIS-5.4 CKV_AWS_23 CKV_AWS_24 CKV_AWS_25 own:egress",
    "nat-instance": "EC2.8 EC2.170 EC2.180 CIS-5.7 CKV_AWS_79 CKV_AWS_88",
    "endpoints": "EC2.10 EC2.55 EC2.56 EC2.57",
    "sns": "SNS.1 SNS.4 CKV_AWS_26",
    "logs": "CKV_AWS_66 CKV_AWS_158 own:foreign-logs",
    "kms": "KMS.4 KMS.5 CKV_AWS_7 CKV_AWS_33",
    "acm": "CKV2_AWS_71",
    "guard": "own:termination-protection own:guard",
    "guardduty": "own:guardduty",
}

ACCOUNT_LEVEL: dict[str, str] = {
    "Config": "AWS Config records a whole account.",
    "CloudTrail": "One trail covers an account or an organization.",
    "IAM.3": "Access keys of people are renewed; opsctl makes no users.",
    "IAM.4": "The root user has no access key.",
    "IAM.5": "People sign in with a second factor.",
    "IAM.6": "The root user has a hardware token.",
    "IAM.7": "The account's password policy.",
    "IAM.8": "Credentials that nobody uses are removed.",
    "IAM.9": "The root user has a second factor.",
}
