"""What AWS's handlers of our resource types ask for and these templates never make them do."""

from __future__ import annotations

# Whole services that are not ours: what a handler does for resources that could be named there, and here are not.
SERVICES = frozenset({
    "acm-pca", "amplify", "apigateway", "apprunner", "appsync", "autoscaling", "bedrock-agentcore", "cognito-idp",
    "docdb-elastic", "elasticfilesystem", "firehose", "payments", "redshift", "redshift-serverless", "s3files",
    "s3tables", "vpc-lattice", "vpce",
})  # fmt: skip
# By service: features that no template uses.
ACTIONS = {
    "application-autoscaling": "DeleteScheduledAction PutScheduledAction",
    # No such action: CreateDistribution and TagResource stand for the first.
    "cloudfront": "CreateConnectionGroup CreateDistributionWithTags GetConnectionGroup GetVpcOrigin "
    "UpdateDistributionWithStagingConfig",
    "cloudwatch": "GetMetricData",
    "ec2": "AcceptAddressTransfer AssignPrivateNatGatewayAddress AssociateNatGatewayAddress AssociateSubnetCidrBlock "
    "AssociateVerifiedAccessInstanceWebAcl AttachVolume AttachVpnGateway CreateVpcEncryptionControl DetachVolume "
    "DetachVpnGateway DisassociateNatGatewayAddress DisassociateSubnetCidrBlock "
    "DisassociateVerifiedAccessInstanceWebAcl GetVerifiedAccessInstanceWebAcl ModifyInstanceMaintenanceOptions "
    "ModifyInstancePlacement ModifyPrivateDnsNameOptions ModifyVpcTenancy UnassignPrivateNatGatewayAddress",
    "ecs": "PutAccountSetting PutAccountSettingDefault",
    "elasticloadbalancing": "ModifyCapacityReservation ModifyIpPools",
    # Policies of roles only; boundaries are an administrator's.
    "iam": "DeleteGroupPolicy DeleteRolePermissionsBoundary DeleteUserPolicy GetGroupPolicy GetUserPolicy ListRoles "
    "PutGroupPolicy PutRolePermissionsBoundary PutUserPolicy",
    "kms": "DisableKeyRotation",
    "lambda": "AssociateRuntimeAlias DeleteFunctionCodeSigningConfig DeleteProvisionedConcurrencyConfig "
    "GetCodeSigningConfig GetLayerVersion GetProvisionedConcurrencyConfig PassCapacityProvider PublishVersion "
    "PutFunctionCodeSigningConfig PutFunctionRecursionConfig PutFunctionScalingConfig "
    "PutProvisionedConcurrencyConfig PutRuntimeManagementConfig",
    # Deliveries are for flow logs that go to S3 or Firehose.
    "logs": "CreateLogDelivery DeleteDataProtectionPolicy DeleteIndexPolicy DeleteLogDelivery DeleteResourcePolicy "
    "PutBearerTokenAuthentication PutDataProtectionPolicy PutIndexPolicy PutLogGroupDeletionProtection "
    "PutResourcePolicy",
    # Clusters, and what `restored` would take, which no template says.
    "rds": "AddRoleToDBInstance DescribeDBClusterSnapshots DescribeDBClusters PromoteReadReplica "
    "RemoveRoleFromDBInstance RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime "
    "StartDBInstanceAutomatedBackupsReplication StopDBInstanceAutomatedBackupsReplication",
    # What is unset again is Put in IAM's words.
    "s3": "CreateBucketMetadataTableConfiguration DeleteBucketAnalyticsConfiguration DeleteBucketCors "
    "DeleteBucketEncryption DeleteBucketLifecycle DeleteBucketMetadataTableConfiguration "
    "DeleteBucketMetricsConfiguration DeleteBucketReplication DeleteBucketWebsite PutAccelerateConfiguration "
    "PutAnalyticsConfiguration PutBucketAbac PutBucketCORS PutBucketNotification PutBucketObjectLockConfiguration "
    "PutBucketReplication PutBucketWebsite PutIntelligentTieringConfiguration PutInventoryConfiguration "
    "PutMetricsConfiguration PutObjectAcl PutObjectLockConfiguration PutReplicationConfiguration REST.PUT.OBJECT "
    "UpdateBucketMetadataAnnotationTableConfiguration UpdateBucketMetadataInventoryTableConfiguration "
    "UpdateBucketMetadataJournalTableConfiguration",
    "secretsmanager": "RemoveRegionsFromReplication ReplicateSecretToRegions",
    "sns": "PutDataProtectionPolicy",
    "ssm": "CreateAssociation DeleteAssociation DescribeAssociation ListAssociations",
    "wafv2": "GetPermissionPolicy PutPermissionPolicy",
}
