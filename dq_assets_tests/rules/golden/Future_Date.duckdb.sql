SELECT
  COUNT(
    CASE
      WHEN "col D" AT TIME ZONE 'Europe/Berlin' > CAST('2024-06-15 12:00:00' AS TIMESTAMP)
      THEN 1
    END
  ) AS a0,
  COUNT(*) AS a1
FROM "main"."t";
SELECT
  "col D" AT TIME ZONE 'Europe/Berlin' > CAST('2024-06-15 12:00:00' AS TIMESTAMP) AS failing
FROM "main"."t";
