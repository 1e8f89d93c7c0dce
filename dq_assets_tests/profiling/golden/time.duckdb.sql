-- row_count
COUNT(*);
-- duplicate_row_count
COUNT(*) - COUNT(DISTINCT {'f0': "the column"});
-- null_count
COUNT(CASE WHEN "the column" IS NULL THEN 1 END);
-- distinct_count
COUNT(DISTINCT "the column");
-- min_value
CAST(MIN("the column") AS TEXT);
-- max_value
CAST(MAX("the column") AS TEXT);
-- min_date_days
DATE_DIFF('DAY', CAST(MIN("the column" AT TIME ZONE 'Europe/Berlin') AS DATE), CAST(CAST('2024-06-15 12:00:00' AS TIMESTAMP) AS DATE));
-- max_date_days
DATE_DIFF('DAY', CAST(MAX("the column" AT TIME ZONE 'Europe/Berlin') AS DATE), CAST(CAST('2024-06-15 12:00:00' AS TIMESTAMP) AS DATE));
-- future_date_count
COUNT(CASE WHEN "the column" AT TIME ZONE 'Europe/Berlin' > CAST('2024-06-15 12:00:00' AS TIMESTAMP) THEN 1 END);
-- before_1900_count
COUNT(CASE WHEN YEAR(CAST("the column" AT TIME ZONE 'Europe/Berlin' AS DATE)) < 1900 THEN 1 END);
-- distinct_days
COUNT(DISTINCT CAST("the column" AT TIME ZONE 'Europe/Berlin' AS DATE));
-- batch_start
CASE WHEN DATE_TRUNC('DAY', "the column" AT TIME ZONE 'Europe/Berlin') >= CAST('1000-01-01 00:00:00' AS TIMESTAMP) AND DATE_TRUNC('DAY', "the column" AT TIME ZONE 'Europe/Berlin') < CAST('9999-01-01 00:00:00' AS TIMESTAMP) THEN DATE_TRUNC('DAY', "the column" AT TIME ZONE 'Europe/Berlin') END;
