// Labels of a model's metrics: model, version, and what metric_tags of its config add.

import type { ServedVersion } from '../service.js';
import type { Labels } from './scraped-metric.js';

/** A name that Prometheus takes: other characters become '_'. */
function labelName(tag: string): string {
  const clean = tag.replace(/[^a-zA-Z0-9_]/g, '_');
  // Names that begin with two underscores are Prometheus's own.
  return /^[0-9]|^__|^$/.test(clean) ? `tag_${clean.replace(/^_+/, '')}` : clean;
}

/** The model's own names win over tags of the same name. @internal */
export function labelsOf({ name, version, config }: ServedVersion): Labels {
  const labels: Record<string, string> = {};
  for (const [tag, value] of Object.entries(config.metric_tags)) {
    labels[labelName(tag)] = value;
  }
  labels.model = name;
  labels.version = version;
  return labels;
}
