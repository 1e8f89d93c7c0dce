-- row_count
COUNT(*);
-- duplicate_row_count
COUNT(*) - COUNT(DISTINCT STRUCT(`the column` AS f0));
-- null_count
COUNT(CASE WHEN `the column` IS NULL THEN 1 END);
-- distinct_count
COUNT(DISTINCT `the column`);
-- min_value
CAST(MIN(CASE WHEN NOT CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END IS NULL THEN `the column` END) AS STRING);
-- max_value
CAST(MAX(CASE WHEN NOT CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END IS NULL THEN `the column` END) AS STRING);
-- min_number
MIN(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END);
-- max_number
MAX(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END);
-- avg_value
AVG(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END);
-- stddev_value
STDDEV_SAMP(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END);
-- p01
PERCENTILE_APPROX(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END, 0.01);
-- p05
PERCENTILE_APPROX(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END, 0.05);
-- p25
PERCENTILE_APPROX(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END, 0.25);
-- p50
PERCENTILE_APPROX(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END, 0.5);
-- p75
PERCENTILE_APPROX(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END, 0.75);
-- p95
PERCENTILE_APPROX(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END, 0.95);
-- p99
PERCENTILE_APPROX(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END, 0.99);
-- zero_count
COUNT(CASE WHEN `the column` = 0 THEN 1 END);
-- negative_count
COUNT(CASE WHEN `the column` < 0 THEN 1 END);
-- non_finite_count
COUNT(CASE WHEN NOT `the column` IS NULL AND CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END IS NULL THEN 1 END);
-- fractional_count
COUNT(CASE WHEN CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END <> FLOOR(CASE WHEN ISNAN(CAST(`the column` AS DOUBLE)) OR CAST(`the column` AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST(`the column` AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST(`the column` AS DOUBLE) END) THEN 1 END);
