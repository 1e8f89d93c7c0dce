SELECT
  COUNT(CASE WHEN NOT REGEXP_MATCHES("col A", '^[A-Z]{2}\d''$') THEN 1 END) AS a0,
  COUNT(*) AS a1
FROM "main"."t";
SELECT
  NOT REGEXP_MATCHES("col A", '^[A-Z]{2}\d''$') AS failing
FROM "main"."t";
