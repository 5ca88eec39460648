{{/* Names and labels. */}}

{{- define "scimgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* The longest name made of it ends in "-internal" and may have 63 characters. */}}
{{- define "scimgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "scimgate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "scimgate.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "scimgate.instance" -}}
app.kubernetes.io/name: {{ include "scimgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "scimgate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "scimgate.instance" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What selects the gateway's pods, and not the migration's. It never changes. */}}
{{- define "scimgate.selector" -}}
{{ include "scimgate.instance" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "scimgate.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "scimgate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "scimgate.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{- define "scimgate.host" -}}
{{- $host := regexReplaceAll ":[0-9]+$" (urlParse .Values.publicUrl).host "" -}}
{{- if and .Values.ingress.host (ne .Values.ingress.host $host) -}}
{{- fail (printf "ingress.host is %s and publicUrl has the host %s: the addresses in replies would lead elsewhere" .Values.ingress.host $host) -}}
{{- end -}}
{{- $host -}}
{{- end }}

{{/* The most pods that there are. */}}
{{- define "scimgate.replicas" -}}
{{- if .Values.autoscaling.enabled -}}{{ .Values.autoscaling.maxReplicas }}{{- else -}}{{ .Values.replicas }}{{- end -}}
{{- end }}

{{/* Changes with what the Secrets and the ConfigMap hold, as they are at an update, so that pods are replaced. It is not a hash of
them: that could be tried against guesses. */}}
{{- define "scimgate.versions" -}}
{{- range $kind, $names := dict "Secret" (list .Values.database.existingSecret .Values.rootKey.existingSecret) "ConfigMap" (list .Values.database.certificates.existingConfigMap) -}}
{{- range $name := compact $names -}}
{{- with lookup "v1" $kind $.Release.Namespace $name -}}
{{ $kind }}/{{ $name }}/{{ .metadata.resourceVersion }};
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What identity providers and their administrators reach: SCIM, OAuth's tokens, keys and metadata, and setup links. */}}
{{- define "scimgate.publicPaths" -}}
/scim /t /oauth2 /.well-known/oauth-authorization-server /setup
{{- end }}
