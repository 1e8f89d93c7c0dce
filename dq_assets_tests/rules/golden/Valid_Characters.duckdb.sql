SELECT
  COUNT(
    CASE
      WHEN "col A" LIKE ' %'
      OR "col A" LIKE '% '
      OR REGEXP_MATCHES("col A", '(?s)^(".*"|''.*'')$')
      OR REGEXP_MATCHES("col A", '[\x00-\x1F\x7F]')
      THEN 1
    END
  ) AS a0,
  COUNT(*) AS a1
FROM "main"."t";
SELECT
  "col A" LIKE ' %'
  OR "col A" LIKE '% '
  OR REGEXP_MATCHES("col A", '(?s)^(".*"|''.*'')$')
  OR REGEXP_MATCHES("col A", '[\x00-\x1F\x7F]') AS failing
FROM "main"."t";
