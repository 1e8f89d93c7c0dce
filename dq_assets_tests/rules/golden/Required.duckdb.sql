SELECT
  COUNT(CASE WHEN "col A" IS NULL THEN 1 END) AS a0,
  COUNT(*) AS a1
FROM "main"."t";
SELECT
  "col A" IS NULL AS failing
FROM "main"."t";
