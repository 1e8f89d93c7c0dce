-- row_count
COUNT(*);
-- duplicate_row_count
COUNT(*) - COUNT(DISTINCT STRUCT(`the column` AS f0));
-- null_count
COUNT(CASE WHEN `the column` IS NULL THEN 1 END);
-- distinct_count
COUNT(DISTINCT `the column`);
-- min_value
CAST(MIN(`the column`) AS STRING);
-- max_value
CAST(MAX(`the column`) AS STRING);
-- min_date_days
DATEDIFF(DAY, CAST(MIN(FROM_UTC_TIMESTAMP(CAST(`the column` AS TIMESTAMP), 'Europe/Berlin')) AS DATE), CAST(CAST('2024-06-15 12:00:00' AS TIMESTAMP_NTZ) AS DATE));
-- max_date_days
DATEDIFF(DAY, CAST(MAX(FROM_UTC_TIMESTAMP(CAST(`the column` AS TIMESTAMP), 'Europe/Berlin')) AS DATE), CAST(CAST('2024-06-15 12:00:00' AS TIMESTAMP_NTZ) AS DATE));
-- future_date_count
COUNT(CASE WHEN FROM_UTC_TIMESTAMP(CAST(`the column` AS TIMESTAMP), 'Europe/Berlin') > CAST('2024-06-15 12:00:00' AS TIMESTAMP_NTZ) THEN 1 END);
-- before_1900_count
COUNT(CASE WHEN YEAR(FROM_UTC_TIMESTAMP(CAST(`the column` AS TIMESTAMP), 'Europe/Berlin')) < 1900 THEN 1 END);
-- distinct_days
COUNT(DISTINCT CAST(FROM_UTC_TIMESTAMP(CAST(`the column` AS TIMESTAMP), 'Europe/Berlin') AS DATE));
-- batch_start
CASE WHEN DATE_TRUNC('DAY', FROM_UTC_TIMESTAMP(CAST(`the column` AS TIMESTAMP), 'Europe/Berlin')) >= CAST('1000-01-01 00:00:00' AS TIMESTAMP_NTZ) AND DATE_TRUNC('DAY', FROM_UTC_TIMESTAMP(CAST(`the column` AS TIMESTAMP), 'Europe/Berlin')) < CAST('9999-01-01 00:00:00' AS TIMESTAMP_NTZ) THEN DATE_TRUNC('DAY', FROM_UTC_TIMESTAMP(CAST(`the column` AS TIMESTAMP), 'Europe/Berlin')) END;
