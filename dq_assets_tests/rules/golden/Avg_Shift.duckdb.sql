SELECT
  AVG(
    CASE
      WHEN CAST("col N" AS DOUBLE) > CAST('-inf' AS DOUBLE)
      AND CAST("col N" AS DOUBLE) < CAST('inf' AS DOUBLE)
      THEN CAST("col N" AS DOUBLE)
    END
  ) AS a0,
  COUNT(*) AS a1
FROM "main"."t";
