SELECT
  COUNT(CASE WHEN NOT child.k IS NULL AND parent.k IS NULL THEN 1 END) AS failed,
  COUNT(*) AS tested
FROM (
  SELECT
    `col A` AS k
  FROM `main`.`t`
) AS child
LEFT JOIN (
  SELECT DISTINCT
    `id` AS k
  FROM `main`.`parents`
) AS parent
  ON child.k = parent.k;
SELECT
  *
FROM `main`.`t`
WHERE
  NOT `col A` IN (
    SELECT
      `id`
    FROM `main`.`parents`
    WHERE
      NOT `id` IS NULL
  );
