SELECT
  COUNT(CASE WHEN NOT "col A" IN ('a', 'it''s') THEN 1 END) AS a0,
  COUNT(*) AS a1
FROM "main"."t";
SELECT
  NOT "col A" IN ('a', 'it''s') AS failing
FROM "main"."t";
