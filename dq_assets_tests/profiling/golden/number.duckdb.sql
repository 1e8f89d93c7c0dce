-- row_count
COUNT(*);
-- duplicate_row_count
COUNT(*) - COUNT(DISTINCT {'f0': "the column"});
-- null_count
COUNT(CASE WHEN "the column" IS NULL THEN 1 END);
-- distinct_count
COUNT(DISTINCT "the column");
-- min_value
CAST(MIN(CASE WHEN NOT CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END IS NULL THEN "the column" END) AS TEXT);
-- max_value
CAST(MAX(CASE WHEN NOT CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END IS NULL THEN "the column" END) AS TEXT);
-- min_number
MIN(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END);
-- max_number
MAX(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END);
-- avg_value
AVG(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END);
-- stddev_value
STDDEV_SAMP(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END);
-- p01
QUANTILE_DISC(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END, 0.01 ORDER BY CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END NULLS FIRST);
-- p05
QUANTILE_DISC(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END, 0.05 ORDER BY CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END NULLS FIRST);
-- p25
QUANTILE_DISC(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END, 0.25 ORDER BY CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END NULLS FIRST);
-- p50
QUANTILE_DISC(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END, 0.5 ORDER BY CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END NULLS FIRST);
-- p75
QUANTILE_DISC(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END, 0.75 ORDER BY CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END NULLS FIRST);
-- p95
QUANTILE_DISC(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END, 0.95 ORDER BY CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END NULLS FIRST);
-- p99
QUANTILE_DISC(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END, 0.99 ORDER BY CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END NULLS FIRST);
-- zero_count
COUNT(CASE WHEN "the column" = 0 THEN 1 END);
-- negative_count
COUNT(CASE WHEN "the column" < 0 THEN 1 END);
-- non_finite_count
COUNT(CASE WHEN NOT "the column" IS NULL AND CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END IS NULL THEN 1 END);
-- fractional_count
COUNT(CASE WHEN CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END <> FLOOR(CASE WHEN ISNAN(CAST("the column" AS DOUBLE)) OR CAST("the column" AS DOUBLE) = CAST('inf' AS DOUBLE) OR CAST("the column" AS DOUBLE) = CAST('-inf' AS DOUBLE) THEN NULL ELSE CAST("the column" AS DOUBLE) END) THEN 1 END);
