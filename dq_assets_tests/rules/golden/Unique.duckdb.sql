SELECT
  COUNT("col A") - COUNT(DISTINCT "col A") AS a0,
  COUNT(*) AS a1
FROM "main"."t";
SELECT
  COUNT(*) OVER (PARTITION BY "col A") > 1 AND NOT "col A" IS NULL AS failing
FROM "main"."t";
